DELETE FROM chatsdk_migration.message_map WHERE app_id = %(app)s AND channel_id = ANY (%(channels)s)
