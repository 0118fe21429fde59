ALTER TABLE chatsdk_migration.quarantine
    ADD COLUMN message_stream_id text NOT NULL DEFAULT '',
    ADD COLUMN record_key text NOT NULL DEFAULT '',
    ADD COLUMN mapped boolean NOT NULL DEFAULT false,
    ADD COLUMN tried_at timestamptz,
    ADD COLUMN discarded_at timestamptz;
COMMENT ON COLUMN chatsdk_migration.quarantine.message_stream_id IS 'Stream id of the message a reaction, mention, pin, poll or vote belongs to.';
COMMENT ON COLUMN chatsdk_migration.quarantine.record_key IS 'What is the same whenever this record is met again.';
COMMENT ON COLUMN chatsdk_migration.quarantine.mapped IS 'The record is the row it was mapped to: the original was no longer at hand.';
COMMENT ON COLUMN chatsdk_migration.quarantine.tried_at IS 'The last replay that did not succeed.';
INSERT INTO chatsdk_migration.version (version) VALUES (3);
