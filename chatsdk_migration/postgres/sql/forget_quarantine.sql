DELETE FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s AND cid = %(cid)s AND entity = ANY (%(entities)s) AND replayed_at IS NULL AND discarded_at IS NULL
