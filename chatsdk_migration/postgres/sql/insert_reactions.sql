-- Each message and person is looked up and locked once, by its key, in one order. IS TRUE keeps what was found in a hash:
-- the planner, who takes a few hundred rows for one, would compare each with each.
WITH part AS MATERIALIZED (
    SELECT s.message_id, s.user_id, s.emoji, s.created_at FROM stage_reaction s
    WHERE s.line > %(after)s AND s.line <= %(upto)s
), held_messages AS MATERIALIZED (
    SELECT m.id, m.channel_id FROM message m
    WHERE m.app_id = %(app)s AND m.id = ANY (ARRAY(SELECT DISTINCT p.message_id FROM part p))
    ORDER BY m.id FOR KEY SHARE
), held_people AS MATERIALIZED (
    SELECT u.id FROM app_user u
    WHERE u.app_id = %(app)s AND u.id = ANY (ARRAY(SELECT DISTINCT p.user_id FROM part p))
    ORDER BY u.id FOR KEY SHARE
), arriving AS MATERIALIZED (
    SELECT p.*, chatsdk_migration.item_digest('reaction', p.user_id, p.emoji, p.created_at) AS digest
    FROM part p
    WHERE (p.message_id IN (SELECT id FROM held_messages WHERE channel_id = %(channel)s)) IS TRUE
      AND (p.user_id IN (SELECT id FROM held_people)) IS TRUE
), before AS MATERIALIZED (
    SELECT b.message_id, unnest(b.items) AS digest FROM chatsdk_migration.carried b
    WHERE b.app_id = %(app)s AND b.message_id = ANY (ARRAY(SELECT DISTINCT message_id FROM arriving))
), fresh AS MATERIALIZED (
    SELECT a.* FROM arriving a
    WHERE NOT EXISTS (SELECT FROM before b WHERE b.message_id = a.message_id AND b.digest = a.digest)
), inserted AS (
    INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
    SELECT message_id, %(app)s::uuid, user_id, emoji, created_at FROM fresh ORDER BY message_id, user_id, emoji
    ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
    RETURNING 1
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM fresh GROUP BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
