-- Version 9.

INSERT INTO chatsdk_migration.version (version) VALUES (9);
