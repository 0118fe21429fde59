SELECT cid, entity, stream_id, what, seen_at FROM chatsdk_migration.conflict WHERE app_id = %(app)s ORDER BY seen_at, cid, entity, stream_id
