-- Session-local, beside the stage of a channel's load, which empties every table whose name starts with stage_.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_channel (
    id uuid NOT NULL, cid varchar(255) NOT NULL, stream_cid text NOT NULL, type varchar(50) NOT NULL, name varchar(255),
    image_url text, config jsonb NOT NULL, created_by varchar(255), created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- Messages asked for by id, parents whose threads were read to the end, messages of which not every item is known.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_sought (stream_id text NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_thread (stream_id text NOT NULL);
-- Messages whose replies Stream does not list.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_refused (stream_id text NOT NULL);
-- Losses that are summed up, one by one with their messages: which of these are new is known at the end.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_loss (entity text NOT NULL, kind text NOT NULL, stream_id text NOT NULL, detail text NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_partial (stream_id text NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_change (
    id uuid NOT NULL, stream_id text NOT NULL, line tid, parent_id uuid, reply_to_id uuid, verdict text NOT NULL, what text
);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_scope (id uuid PRIMARY KEY, stream_id text NOT NULL, partial boolean NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_item (message_id uuid NOT NULL, digest bigint NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_sync_conflict (entity text NOT NULL, stream_id text NOT NULL, what text NOT NULL);
