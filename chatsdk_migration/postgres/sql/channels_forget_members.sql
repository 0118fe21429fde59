DELETE FROM chatsdk_migration.read_position WHERE app_id = %(app)s AND channel_id = ANY (%(channels)s)
