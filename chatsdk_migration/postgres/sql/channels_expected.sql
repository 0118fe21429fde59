SELECT cid, expected_messages FROM chatsdk_migration.channel_map
WHERE app_id = %(app)s AND expected_messages IS NOT NULL
