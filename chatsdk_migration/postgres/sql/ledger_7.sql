-- Version 7.

INSERT INTO chatsdk_migration.version (version) VALUES (7);
