WITH arriving AS MATERIALIZED (
    SELECT s.message_id, s.user_id, s.emoji, s.created_at
    FROM stage_reaction s
    CROSS JOIN LATERAL (
        SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id LIMIT 1 FOR KEY SHARE
    ) m
    CROSS JOIN LATERAL (
        SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id LIMIT 1 FOR KEY SHARE
    ) u
    WHERE s.line > %(after)s AND s.line <= %(upto)s AND m.channel_id = %(channel)s
), inserted AS (
    INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
    SELECT message_id, %(app)s::uuid, user_id, emoji, created_at FROM arriving ORDER BY message_id, user_id, emoji
    ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
