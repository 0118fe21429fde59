-- Version 8.

INSERT INTO chatsdk_migration.version (version) VALUES (8);
