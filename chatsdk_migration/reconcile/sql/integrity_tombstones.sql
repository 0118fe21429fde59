INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, found)
SELECT 'integrity', 'different', c.cid, k.stream_id, m.id::text, 'tombstone with content', left(coalesce(m.text, m.attachments::text), 200)
FROM message m
JOIN chatsdk_migration.message_map k ON k.app_id = m.app_id AND k.channel_id = m.channel_id AND k.message_id = m.id
JOIN chatsdk_migration.channel_map c ON c.app_id = m.app_id AND c.channel_id = m.channel_id
WHERE m.app_id = %(app)s AND m.deleted_at IS NOT NULL AND (m.text IS NOT NULL OR m.attachments <> '[]')
