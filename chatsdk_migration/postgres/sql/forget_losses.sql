DELETE FROM chatsdk_migration.loss WHERE app_id = %(app)s AND cid = %(cid)s AND entity = ANY (%(entities)s)
