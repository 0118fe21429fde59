SELECT cid, gone_at IS NOT NULL FROM chatsdk_migration.channel_map WHERE app_id = %(app)s
