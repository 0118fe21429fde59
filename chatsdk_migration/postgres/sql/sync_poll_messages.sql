SELECT k.cid, b.stream_id
FROM poll p
JOIN message m ON m.app_id = p.app_id AND m.id = p.message_id
JOIN chatsdk_migration.channel_map k ON k.app_id = m.app_id AND k.channel_id = m.channel_id
JOIN LATERAL (
    SELECT b.stream_id FROM chatsdk_migration.message_map b
    WHERE b.app_id = m.app_id AND b.channel_id = m.channel_id AND b.message_id = m.id LIMIT 1
) b ON true
WHERE p.app_id = %(app)s AND p.id = ANY (%(polls)s::uuid[])
