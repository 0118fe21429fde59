UPDATE chatsdk_migration.cutover SET ended_at = now(), outcome = %(outcome)s WHERE app_id = %(app)s AND ended_at IS NULL
