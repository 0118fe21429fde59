DELETE FROM chatsdk_migration.withheld_mention WHERE app_id = %(app)s AND channel_id = ANY (%(channels)s)
