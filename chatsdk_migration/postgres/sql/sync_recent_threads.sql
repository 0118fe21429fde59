-- Threads with replies of the recent time, whose beginnings are older.
SELECT DISTINCT b.stream_id
FROM message m
JOIN message p ON p.app_id = m.app_id AND p.id = m.parent_id
JOIN chatsdk_migration.message_map b ON b.app_id = p.app_id AND b.message_id = p.id AND b.channel_id = %(channel)s
WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.created_at >= %(since)s AND p.created_at < %(since)s
