-- What syncs and verifications came to, and how far the switch to ChatSDK is.
CREATE TABLE chatsdk_migration.outcome (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, app_id uuid NOT NULL, work text NOT NULL, extent text NOT NULL,
    began_at timestamptz NOT NULL, ended_at timestamptz NOT NULL, api_calls bigint NOT NULL, channels bigint NOT NULL,
    unexplained bigint NOT NULL DEFAULT 0, explained bigint NOT NULL DEFAULT 0, cids text[], failing jsonb NOT NULL DEFAULT '{}',
    problems jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX outcome_newest ON chatsdk_migration.outcome (app_id, work, extent, id DESC);
COMMENT ON TABLE chatsdk_migration.outcome IS 'The newest syncs (extent: recent, hot, all, some) and verifications (extent: whole, sampled, some, ledger), with what they cost.';
COMMENT ON COLUMN chatsdk_migration.outcome.failing IS 'Number of differences that nothing explains, by cid; an empty cid is the app as a whole.';
COMMENT ON COLUMN chatsdk_migration.outcome.cids IS 'The channels, where only some were chosen.';
CREATE TABLE chatsdk_migration.cutover (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, app_id uuid NOT NULL, began_at timestamptz NOT NULL DEFAULT now(),
    frozen_at timestamptz, ended_at timestamptz, outcome text
);
CREATE UNIQUE INDEX cutover_open ON chatsdk_migration.cutover (app_id) WHERE ended_at IS NULL;
COMMENT ON TABLE chatsdk_migration.cutover IS 'Switches to ChatSDK. frozen_at is Stream''s clock when somebody said that nothing is written in Stream any more.';
CREATE TABLE chatsdk_migration.cutover_step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cutover_id bigint NOT NULL REFERENCES chatsdk_migration.cutover (id),
    step text NOT NULL, frozen_at timestamptz, began_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz,
    ok boolean, result jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX cutover_step_newest ON chatsdk_migration.cutover_step (cutover_id, step, id DESC);
INSERT INTO chatsdk_migration.version (version) VALUES (7);
