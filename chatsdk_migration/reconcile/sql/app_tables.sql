-- Session-local: what a comparison of the whole app found, and the people Stream lists.
CREATE TEMPORARY TABLE IF NOT EXISTS verify_app_found (
    category text NOT NULL, kind text NOT NULL, cid text, stream_id text, target_id text, field text, expected text,
    found text, explained_by text
);
CREATE TEMPORARY TABLE IF NOT EXISTS verify_app_user (
    id varchar(255) NOT NULL, name varchar(255), image_url text, custom_data jsonb NOT NULL,
    last_active_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
-- People whom Stream lists and whose record cannot be carried.
CREATE TEMPORARY TABLE IF NOT EXISTS verify_app_refused (id text NOT NULL);
TRUNCATE verify_app_found, verify_app_user, verify_app_refused
