SELECT coalesce(min(mapped_at), '-infinity')::text FROM chatsdk_migration.channel_map WHERE app_id = %(app)s
