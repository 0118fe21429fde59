DELETE FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s AND entity = %(entity)s AND stream_id = %(stream_id)s AND replayed_at IS NULL
