-- Mentions of people who are no members: they would show them the text. Whoever joins finds them without a message being
-- read again.
CREATE TABLE chatsdk_migration.withheld_mention (
    app_id uuid NOT NULL, channel_id uuid NOT NULL, id uuid NOT NULL, message_id uuid NOT NULL, mentioned_user_id text NOT NULL,
    mentioner_user_id text NOT NULL, created_at timestamptz NOT NULL,
    PRIMARY KEY (channel_id, message_id, mentioned_user_id)
);
CREATE INDEX withheld_mention_person ON chatsdk_migration.withheld_mention (channel_id, mentioned_user_id);
COMMENT ON TABLE chatsdk_migration.withheld_mention IS 'Mentions in Stream of people who are no members of the channel, as their rows would be.';
-- Messages are committed before they are counted: what a killed sync left uncounted, the next one counts.
ALTER TABLE chatsdk_migration.channel_map ADD COLUMN uncounted_since timestamptz;
COMMENT ON COLUMN chatsdk_migration.channel_map.uncounted_since IS 'Messages loaded from then on are in no note of what was read and lost yet; null: all are.';
ALTER TABLE chatsdk_migration.watermark DROP COLUMN member_count; -- part of the digest
INSERT INTO chatsdk_migration.version (version) VALUES (11);
