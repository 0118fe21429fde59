DELETE FROM chatsdk_migration.source_month WHERE app_id = %(app)s AND cid = %(cid)s
