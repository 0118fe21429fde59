INSERT INTO chatsdk_migration.migration (app_id, source_key_fingerprint) VALUES (%(app)s, %(fingerprint)s)
ON CONFLICT (app_id) DO NOTHING
