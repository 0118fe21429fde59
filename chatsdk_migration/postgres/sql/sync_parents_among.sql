SELECT DISTINCT b.stream_id
FROM unnest(%(ids)s::text[]) AS one (id)
JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = one.id
JOIN message r ON r.app_id = %(app)s AND r.parent_id = b.message_id AND r.deleted_at IS NULL
