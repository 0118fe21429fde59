INSERT INTO chatsdk_migration.numbering (app_id, channel_id, loaded_at, shift)
VALUES (%(app)s, %(channel)s, now(), %(shift)s)
