INSERT INTO chatsdk_migration.cutover (app_id) VALUES (%(app)s) ON CONFLICT (app_id) WHERE ended_at IS NULL DO NOTHING
