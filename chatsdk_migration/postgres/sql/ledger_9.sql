-- The largest channels are begun first.
ALTER TABLE chatsdk_migration.channel_map ADD COLUMN expected_messages bigint;
COMMENT ON COLUMN chatsdk_migration.channel_map.expected_messages IS 'How many messages Stream said that the channel holds when it was last listed; null: it did not say.';
INSERT INTO chatsdk_migration.version (version) VALUES (9);
