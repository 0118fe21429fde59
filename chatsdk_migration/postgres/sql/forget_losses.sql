-- What people lost is noted where they were met first, and not found again.
DELETE FROM chatsdk_migration.loss
WHERE app_id = %(app)s AND cid = %(cid)s AND entity = ANY (%(entities)s) AND (entity <> 'user' OR %(cid)s = '')
