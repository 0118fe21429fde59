INSERT INTO verify_app_found (category, kind, cid, target_id, found, explained_by)
SELECT 'messages', 'extra', c.cid, m.id::text, left(m.text, 200), CASE WHEN m.created_at >= coalesce(c.mapped_at, '-infinity') THEN 'live' END
FROM chatsdk_migration.channel_map c
JOIN message m ON m.app_id = %(app)s AND m.channel_id = c.channel_id
WHERE c.app_id = %(app)s AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
  AND NOT EXISTS (SELECT FROM chatsdk_migration.message_map k WHERE k.channel_id = m.channel_id AND k.app_id = m.app_id AND k.message_id = m.id)
