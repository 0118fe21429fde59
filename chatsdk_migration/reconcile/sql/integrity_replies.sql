INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
WITH counted AS (
    SELECT parent_id AS id, count(*) AS rows, count(*) FILTER (WHERE deleted_at IS NULL) AS alive
    FROM message WHERE app_id = %(app)s AND parent_id IS NOT NULL GROUP BY parent_id
)
SELECT 'integrity', 'different', c.cid, k.stream_id, m.id::text, 'reply_count', coalesce(n.rows, 0)::text, coalesce(m.reply_count, 0)::text
FROM message m
LEFT JOIN counted n ON n.id = m.id
JOIN chatsdk_migration.message_map k ON k.app_id = m.app_id AND k.channel_id = m.channel_id AND k.message_id = m.id
LEFT JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
WHERE m.app_id = %(app)s AND (n.id IS NOT NULL OR m.reply_count > 0)
  AND coalesce(m.reply_count, 0) NOT BETWEEN coalesce(n.alive, 0) AND coalesce(n.rows, 0)
