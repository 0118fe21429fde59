-- Of people whom Stream does not list any more those whom it listed once, each with a message of theirs, if there is one:
-- it shows what is left of them. No index leads from people to messages: one pass for all of them, which is rare.
WITH asked AS MATERIALIZED (
    SELECT b.user_id FROM chatsdk_migration.carried_user b
    JOIN app_user u ON u.app_id = %(app)s AND u.id = b.user_id
    WHERE b.app_id = %(app)s AND b.user_id = ANY (%(ids)s::text[]) AND b.listed
      AND (%(everybody)s OR NOT EXISTS (
          SELECT FROM chatsdk_migration.conflict k
          WHERE k.app_id = %(app)s AND k.cid = '' AND k.entity = 'user' AND k.stream_id = b.user_id))
), wrote AS (
    SELECT DISTINCT ON (m.user_id) m.user_id, x.channel_id, x.stream_id
    FROM message m
    JOIN chatsdk_migration.message_map x ON x.app_id = %(app)s AND x.channel_id = m.channel_id AND x.message_id = m.id
    WHERE m.app_id = %(app)s AND m.user_id IN (SELECT a.user_id FROM asked a) AND x.gone_at IS NULL AND x.removed_at IS NULL
    ORDER BY m.user_id, m.deleted_at IS NOT NULL, m.created_at DESC
)
SELECT a.user_id, k.cid, CASE WHEN k.cid IS NOT NULL THEN w.stream_id END
FROM asked a
LEFT JOIN wrote w ON w.user_id = a.user_id
LEFT JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.channel_id = w.channel_id AND k.gone_at IS NULL
