-- What was carried once is not carried again: who was met, also those who had been here before us.
ALTER TABLE chatsdk_migration.carried_user ALTER COLUMN digest DROP NOT NULL;
COMMENT ON TABLE chatsdk_migration.carried_user IS 'Everybody met once; who is not among the app''s users any more was deleted here, and is not brought back. No digest: was here before.';
INSERT INTO chatsdk_migration.version (version) VALUES (6);
