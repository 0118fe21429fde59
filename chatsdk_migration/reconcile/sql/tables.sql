-- Session-local, beside the stage of a channel's load; the stage empties every table whose name starts with stage_.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_verify_channel (
    id uuid NOT NULL, cid varchar(255) NOT NULL, stream_cid text NOT NULL, type varchar(50) NOT NULL, name varchar(255),
    image_url text, config jsonb NOT NULL, created_by varchar(255), created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- Every message of the channel that Stream has, that the map has or that the target has.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_verify_message (
    id uuid NOT NULL, stream_id text, line tid, user_id varchar(255), created_at timestamptz, parent_id uuid,
    reply_to_id uuid, wanted boolean NOT NULL, mapped boolean NOT NULL, there boolean NOT NULL, live boolean NOT NULL,
    quarantined boolean NOT NULL, removed boolean NOT NULL, gone boolean NOT NULL, edited_live boolean NOT NULL, deleted_live boolean NOT NULL,
    loaded_at timestamptz, seq_loaded bigint, seq bigint, edited_before timestamptz, deleted_before timestamptz
);
-- Messages whose pin ran out after the channel was carried first: a sync may have taken it away since, or not yet.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_verify_expired (stream_id text NOT NULL);
CREATE TEMPORARY TABLE IF NOT EXISTS stage_verify_found (
    category text NOT NULL, kind text NOT NULL, stream_id text, target_id text, field text, expected text, found text,
    explained_by text, person text, item text
);
