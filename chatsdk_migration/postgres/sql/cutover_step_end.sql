UPDATE chatsdk_migration.cutover_step SET ended_at = clock_timestamp(), ok = %(ok)s, result = %(result)s
WHERE id = %(id)s RETURNING ended_at
