SELECT app.name, current_database()::text, current_setting('server_version'),
       coalesce((SELECT m.source_key_fingerprint FROM chatsdk_migration.migration m WHERE m.app_id = %(app)s), '')
FROM app WHERE app.id = %(app)s
