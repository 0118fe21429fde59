UPDATE chatsdk_migration.message_map SET removed_at = now()
WHERE app_id = %(app)s AND channel_id = %(channel)s AND message_id = ANY (%(ids)s)
