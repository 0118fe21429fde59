-- What tells a channel made anew from the one carried, and a position that people moved here from one that followed Stream.
ALTER TABLE chatsdk_migration.watermark ADD COLUMN created_at text;
COMMENT ON COLUMN chatsdk_migration.watermark.created_at IS 'As Stream served it: a channel deleted and made anew under its name has another.';
ALTER TABLE chatsdk_migration.read_position ADD COLUMN placed_seq bigint;
COMMENT ON COLUMN chatsdk_migration.read_position.placed_seq IS 'The last_read_seq that the last load or sync left; null: not known.';
-- Stream signs the links to its files anew at each reading: that is no change.
CREATE FUNCTION chatsdk_migration.unsigned(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value::text LIKE '%Expires=%' THEN regexp_replace(value::text, '\?[^"]*Expires=[^"]*', '', 'g')::jsonb ELSE value END;
ALTER TABLE chatsdk_migration.carried_user ADD COLUMN banned boolean NOT NULL DEFAULT false, ADD COLUMN listed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN chatsdk_migration.carried_user.banned IS 'As carried: that a ban ran out shows nowhere in Stream''s changes.';
COMMENT ON COLUMN chatsdk_migration.carried_user.listed IS 'Stream''s list of users has shown this person: whom it does not show any more, it has deleted.';
CREATE INDEX carried_user_banned ON chatsdk_migration.carried_user (app_id) WHERE banned;
INSERT INTO chatsdk_migration.version (version) VALUES (10);
