CREATE TEMPORARY TABLE arriving_user (
    id varchar(255) NOT NULL, name varchar(255), image_url text, custom_data jsonb NOT NULL,
    last_active_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
) ON COMMIT DROP
