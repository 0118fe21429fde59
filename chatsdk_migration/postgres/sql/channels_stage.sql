CREATE TEMPORARY TABLE arriving_channel (
    id uuid NOT NULL, cid varchar(255) NOT NULL, stream_cid text NOT NULL, type varchar(50) NOT NULL, name varchar(255),
    image_url text, config jsonb NOT NULL, created_by varchar(255), created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) ON COMMIT DROP
