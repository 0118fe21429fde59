WITH arriving AS MATERIALIZED (
    SELECT s.message_id, s.user_id, s.emoji, s.created_at,
           chatsdk_migration.item_digest('reaction', s.user_id, s.emoji, s.created_at) AS digest
    FROM stage_reaction s
    CROSS JOIN LATERAL (
        SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id LIMIT 1 FOR KEY SHARE
    ) m
    CROSS JOIN LATERAL (
        SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id LIMIT 1 FOR KEY SHARE
    ) u
    WHERE s.line > %(after)s AND s.line <= %(upto)s AND m.channel_id = %(channel)s
), before AS MATERIALIZED (
    SELECT b.message_id, unnest(b.items) AS digest FROM chatsdk_migration.carried b
    WHERE b.app_id = %(app)s AND b.message_id = ANY (ARRAY(SELECT DISTINCT message_id FROM arriving))
), fresh AS MATERIALIZED (
    SELECT a.* FROM arriving a
    WHERE NOT EXISTS (SELECT FROM before b WHERE b.message_id = a.message_id AND b.digest = a.digest)
), inserted AS (
    INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
    SELECT message_id, %(app)s::uuid, user_id, emoji, created_at FROM fresh ORDER BY message_id, user_id, emoji
    ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
    RETURNING 1
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM fresh GROUP BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
