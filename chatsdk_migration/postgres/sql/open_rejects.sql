SELECT count(*) FROM chatsdk_migration.quarantine WHERE app_id = %(app)s AND replayed_at IS NULL AND discarded_at IS NULL
