DELETE FROM chatsdk_migration.carried b USING chatsdk_migration.message_map k
WHERE k.app_id = %(app)s AND k.channel_id = ANY (%(channels)s) AND b.app_id = k.app_id AND b.message_id = k.message_id
