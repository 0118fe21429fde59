-- Reactions that had been counted as lost because their message was rejected.
UPDATE chatsdk_migration.loss SET occurrences = greatest(occurrences - %(number)s, 0)
WHERE app_id = %(app)s AND cid = %(cid)s AND entity = 'reaction' AND kind = 'reaction_message_missing' AND stream_id = ''
