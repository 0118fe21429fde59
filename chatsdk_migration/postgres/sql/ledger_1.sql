CREATE SCHEMA chatsdk_migration;
COMMENT ON SCHEMA chatsdk_migration IS 'What a migration from Stream Chat keeps beside ChatSDK: id maps, losses, rejected records.';
CREATE TABLE chatsdk_migration.version (version integer PRIMARY KEY, installed_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE chatsdk_migration.migration (
    app_id uuid PRIMARY KEY, id uuid NOT NULL DEFAULT gen_random_uuid(), source_key_fingerprint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE chatsdk_migration.channel_map (
    app_id uuid NOT NULL, cid text NOT NULL, channel_id uuid NOT NULL, PRIMARY KEY (app_id, cid)
);
CREATE TABLE chatsdk_migration.message_map (
    app_id uuid NOT NULL, stream_id text COLLATE "C" NOT NULL, message_id uuid NOT NULL, channel_id uuid NOT NULL,
    PRIMARY KEY (app_id, stream_id)
);
CREATE TABLE chatsdk_migration.read_position (
    app_id uuid NOT NULL, channel_id uuid NOT NULL, user_id text NOT NULL, last_read timestamptz, reads_all boolean NOT NULL,
    PRIMARY KEY (app_id, channel_id, user_id)
);
COMMENT ON TABLE chatsdk_migration.read_position IS 'Read times from Stream, so that messages that come later can be placed before or after.';
CREATE TABLE chatsdk_migration.loss (
    app_id uuid NOT NULL, cid text NOT NULL, entity text NOT NULL, kind text NOT NULL, stream_id text NOT NULL,
    occurrences bigint NOT NULL, detail text NOT NULL, PRIMARY KEY (app_id, cid, entity, kind, stream_id)
);
COMMENT ON TABLE chatsdk_migration.loss IS 'What was changed, degraded, withheld or has no home. An empty cid is the whole app; an empty stream_id sums a channel up.';
CREATE TABLE chatsdk_migration.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, app_id uuid NOT NULL, entity text NOT NULL, stream_id text NOT NULL,
    cid text NOT NULL, code text NOT NULL, reason text NOT NULL, record jsonb NOT NULL, run_id text,
    rejected_at timestamptz NOT NULL DEFAULT now(), replayed_at timestamptz
);
CREATE INDEX quarantine_app_cid ON chatsdk_migration.quarantine (app_id, cid);
COMMENT ON TABLE chatsdk_migration.quarantine IS 'Records that could not be carried, with their original and the reason.';
INSERT INTO chatsdk_migration.version (version) VALUES (1);
