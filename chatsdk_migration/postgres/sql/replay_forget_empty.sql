DELETE FROM chatsdk_migration.loss
WHERE app_id = %(app)s AND cid = %(cid)s AND kind = 'reaction_message_missing' AND occurrences = 0
