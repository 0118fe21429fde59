-- Older than the first load of their channel, so no live message, and not ours either.
INSERT INTO verify_app_found (category, kind, cid, target_id, field, found)
SELECT 'integrity', 'extra', c.cid, m.id::text, 'of unknown origin', left(m.text, 200)
FROM chatsdk_migration.channel_map c
JOIN message m ON m.app_id = %(app)s AND m.channel_id = c.channel_id
WHERE c.app_id = %(app)s AND m.created_at < c.mapped_at
  AND NOT EXISTS (SELECT FROM chatsdk_migration.message_map k WHERE k.channel_id = m.channel_id AND k.app_id = m.app_id AND k.message_id = m.id)
