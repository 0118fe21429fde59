-- Parents and quoted messages that are not in the same channel.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, found)
SELECT 'integrity', 'extra', c.cid, k.stream_id, m.id::text, l.field, l.id::text
FROM message m
CROSS JOIN LATERAL (VALUES ('orphan parent', m.parent_id), ('orphan quote', m.reply_to_id)) l (field, id)
LEFT JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
LEFT JOIN chatsdk_migration.message_map k ON k.app_id = m.app_id AND k.channel_id = m.channel_id AND k.message_id = m.id
WHERE m.app_id = %(app)s AND l.id IS NOT NULL
  AND NOT EXISTS (SELECT FROM message o WHERE o.app_id = %(app)s AND o.id = l.id AND o.channel_id = m.channel_id)
