-- Whether members of this channel were carried before.
SELECT EXISTS (SELECT FROM chatsdk_migration.read_position WHERE app_id = %(app)s AND channel_id = %(channel)s)
