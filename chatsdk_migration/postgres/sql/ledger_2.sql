-- What the load left of each message, so that damage can be told from what people changed in ChatSDK since.
ALTER TABLE chatsdk_migration.channel_map ADD COLUMN mapped_at timestamptz;
ALTER TABLE chatsdk_migration.channel_map ALTER COLUMN mapped_at SET DEFAULT now();
COMMENT ON COLUMN chatsdk_migration.channel_map.mapped_at IS 'When the channel was carried first: an older message in it cannot be a live one.';
ALTER TABLE chatsdk_migration.message_map
    ADD COLUMN rank bigint, ADD COLUMN given_seq bigint, ADD COLUMN text_digest bigint, ADD COLUMN row_digest bigint,
    ADD COLUMN loaded_at timestamptz, ADD COLUMN removed_at timestamptz;
ALTER TABLE chatsdk_migration.message_map ALTER COLUMN loaded_at SET DEFAULT now();
COMMENT ON COLUMN chatsdk_migration.message_map.rank IS 'With the shift of its transaction in numbering: the seq it was given. given_seq, where set, goes before.';
COMMENT ON COLUMN chatsdk_migration.message_map.removed_at IS 'When a repair took the message away again; its seq stays used.';
CREATE INDEX message_map_channel ON chatsdk_migration.message_map (channel_id);
CREATE TABLE chatsdk_migration.numbering (
    app_id uuid NOT NULL, channel_id uuid NOT NULL, loaded_at timestamptz NOT NULL, shift bigint NOT NULL,
    PRIMARY KEY (app_id, channel_id, loaded_at)
);
COMMENT ON TABLE chatsdk_migration.numbering IS 'One row for each transaction that loaded messages: seq = rank + shift. The numbers are known too late to be written with the map without keeping live senders waiting.';
ALTER TABLE chatsdk_migration.read_position
    ADD COLUMN role text, ADD COLUMN muted boolean, ADD COLUMN joined_at timestamptz, ADD COLUMN unread_count integer,
    ADD COLUMN loaded_at timestamptz;
ALTER TABLE chatsdk_migration.read_position ALTER COLUMN loaded_at SET DEFAULT now();
CREATE TABLE chatsdk_migration.channel_load (
    app_id uuid NOT NULL, channel_id uuid NOT NULL, category text NOT NULL, rows bigint NOT NULL, digest bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (app_id, channel_id, category)
);
COMMENT ON TABLE chatsdk_migration.channel_load IS 'Number and digest, in any order, of what hung on a channel''s messages when its load had ended.';
-- A hash against accidents, not against forgers; the same on every run of one server.
CREATE FUNCTION chatsdk_migration.row_digest(
    author text, attachments jsonb, parent uuid, reply_to uuid, poll uuid, created timestamptz, edited timestamptz,
    deleted timestamptz
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hash_record_extended(ROW (author, attachments, parent, reply_to, poll, created, edited, deleted), 0);
INSERT INTO chatsdk_migration.version (version) VALUES (2);
