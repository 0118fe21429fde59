SELECT entity, record_key FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s AND cid = %(cid)s AND (replayed_at IS NOT NULL OR discarded_at IS NOT NULL)
