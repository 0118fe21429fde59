-- A carried message is found by its id within its channel, so that a sync costs what changed and not what is stored.
DROP INDEX chatsdk_migration.message_map_channel;
CREATE INDEX message_map_channel ON chatsdk_migration.message_map (channel_id, message_id);
ALTER TABLE chatsdk_migration.watermark ADD COLUMN seen_at timestamptz, ADD COLUMN applied_at timestamptz;
COMMENT ON COLUMN chatsdk_migration.watermark.seen_at IS 'Time of the newest change Stream showed; applied_at: of the newest that was carried. Seen and not applied is lag.';
INSERT INTO chatsdk_migration.version (version) VALUES (8);
