CREATE TABLE chatsdk_migration.source_month (
    app_id uuid NOT NULL, cid text NOT NULL, month text COLLATE "C" NOT NULL CHECK (month = '' OR month ~ '^[0-9]{4}-[0-9]{2}$'),
    messages bigint NOT NULL CHECK (messages > 0), PRIMARY KEY (app_id, cid, month)
);
COMMENT ON TABLE chatsdk_migration.source_month IS 'Messages and replies that the last load of a channel read from Stream, by month (UTC). An empty month: no readable time.';
INSERT INTO chatsdk_migration.version (version) VALUES (4);
