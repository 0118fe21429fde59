-- What incremental syncs keep: how far each channel was followed, and what was carried, so that a change in Stream can be
-- told from what people changed in ChatSDK.
CREATE TABLE chatsdk_migration.watermark (
    app_id uuid NOT NULL, cid text NOT NULL, synced_to timestamptz, scanned_at timestamptz, swept_at timestamptz,
    last_message_at text, truncated_at text, member_count integer, digest text, PRIMARY KEY (app_id, cid)
);
COMMENT ON TABLE chatsdk_migration.watermark IS 'By Stream''s clock. synced_to: everything a change shows up to here is in the target. An empty cid is the people of the app.';
COMMENT ON COLUMN chatsdk_migration.watermark.scanned_at IS 'When the recent history was read again for deletions; swept_at: all of it.';
CREATE TABLE chatsdk_migration.carried (
    app_id uuid NOT NULL, message_id uuid NOT NULL, items bigint[] NOT NULL, PRIMARY KEY (app_id, message_id)
);
COMMENT ON TABLE chatsdk_migration.carried IS 'Digests of the reactions, votes, mentions, the pin and the poll that came with a message.';
CREATE TABLE chatsdk_migration.carried_user (
    app_id uuid NOT NULL, user_id text NOT NULL, digest bigint NOT NULL, PRIMARY KEY (app_id, user_id)
);
CREATE TABLE chatsdk_migration.conflict (
    app_id uuid NOT NULL, cid text NOT NULL, entity text NOT NULL, stream_id text NOT NULL, what text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (app_id, cid, entity, stream_id, what)
);
COMMENT ON TABLE chatsdk_migration.conflict IS 'Changes in Stream that were not applied, because somebody in ChatSDK changed the same thing after it was carried.';
ALTER TABLE chatsdk_migration.channel_map ADD COLUMN carried jsonb, ADD COLUMN gone_at timestamptz;
COMMENT ON COLUMN chatsdk_migration.channel_map.gone_at IS 'When a sync found the channel deleted in Stream.';
ALTER TABLE chatsdk_migration.message_map ADD COLUMN gone_at timestamptz;
COMMENT ON COLUMN chatsdk_migration.message_map.gone_at IS 'When a sync found the message hard-deleted, truncated or withheld; a tombstone keeps its seq.';
-- Stream signs the links to its files anew at each reading: that is no change.
CREATE OR REPLACE FUNCTION chatsdk_migration.row_digest(
    author text, attachments jsonb, parent uuid, reply_to uuid, poll uuid, created timestamptz, edited timestamptz,
    deleted timestamptz
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hash_record_extended(ROW (author, CASE WHEN attachments::text LIKE '%Expires=%'
    THEN regexp_replace(attachments::text, '\?[^"]*Expires=[^"]*', '', 'g')::jsonb ELSE attachments END,
    parent, reply_to, poll, created, edited, deleted), 0);
CREATE FUNCTION chatsdk_migration.item_digest(kind text, who text, item text, at timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN hash_record_extended(ROW (kind, who, item, at), 0);
CREATE FUNCTION chatsdk_migration.poll_digest(question text, options jsonb, anonymous boolean, multiple boolean, ends timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN hash_record_extended(ROW (question, options, anonymous, multiple, ends), 0);
CREATE FUNCTION chatsdk_migration.user_digest(name text, image_url text, custom_data jsonb)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hash_record_extended(ROW (name, regexp_replace(image_url, '\?.*Expires=.*', ''), custom_data), 0);
INSERT INTO chatsdk_migration.version (version) VALUES (5);
