-- Mentions that were withheld from people who are members now: they find them, read or not as a load would have it, and
-- what they take away then stays away.
WITH due AS MATERIALIZED (
    SELECT w.*, chatsdk_migration.item_digest('mention', w.mentioned_user_id, NULL, NULL) AS digest,
           m.user_id AS author, m.created_at AS written_at
    FROM chatsdk_migration.withheld_mention w
    JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = w.mentioned_user_id
    CROSS JOIN LATERAL (
        SELECT m.user_id, m.created_at FROM message m
        WHERE m.app_id = %(app)s AND m.id = w.message_id AND m.channel_id = %(channel)s LIMIT 1
    ) m
    WHERE w.app_id = %(app)s AND w.channel_id = %(channel)s
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = w.mentioner_user_id) IS NOT NULL
), inserted AS (
    INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at FROM due ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING created_at
), flagged AS (
    INSERT INTO user_message AS u (user_id, app_id, message_id, flags)
    SELECT d.mentioned_user_id, d.app_id, d.message_id, 2 + CASE
        WHEN coalesce(r.reads_all, true) OR d.written_at <= r.last_read OR d.author = d.mentioned_user_id THEN 1 ELSE 0 END
    FROM due d
    LEFT JOIN chatsdk_migration.read_position r
        ON r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = d.mentioned_user_id
    WHERE %(states)s
    ORDER BY d.mentioned_user_id, d.message_id
    ON CONFLICT (app_id, user_id, message_id) DO UPDATE SET flags = coalesce(u.flags, 0) | 2 WHERE coalesce(u.flags, 0) & 2 = 0
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM due GROUP BY message_id ORDER BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE
    SET items = ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one)
    WHERE NOT b.items @> excluded.items
), forgotten AS (
    DELETE FROM chatsdk_migration.withheld_mention w USING due d
    WHERE w.app_id = d.app_id AND w.channel_id = d.channel_id AND w.message_id = d.message_id
      AND w.mentioned_user_id = d.mentioned_user_id
), unrecorded AS (
    -- The load's record of the channel's mentions would take this for damage.
    DELETE FROM chatsdk_migration.channel_load l
    USING chatsdk_migration.channel_map k
    WHERE l.app_id = %(app)s AND l.channel_id = %(channel)s AND l.category = 'mentions'
      AND k.app_id = %(app)s AND k.cid = %(cid)s AND EXISTS (SELECT FROM inserted n WHERE n.created_at < k.mapped_at)
)
SELECT count(*) FROM inserted
