-- NULL when nothing is installed.
SELECT to_regclass('chatsdk_migration.version') IS NOT NULL
