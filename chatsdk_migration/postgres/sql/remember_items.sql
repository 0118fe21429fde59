-- How each poll came, so that a sync can tell what is new in it; what else hangs on a message is remembered as it is inserted.
INSERT INTO chatsdk_migration.carried AS c (app_id, message_id, items)
SELECT %(app)s::uuid, s.message_id, array_agg(
    DISTINCT chatsdk_migration.poll_digest(s.question, s.options, s.is_anonymous, s.is_multi_choice, s.ends_at))
FROM stage_poll s
WHERE EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id)
GROUP BY s.message_id
ON CONFLICT (app_id, message_id) DO UPDATE
SET items = ARRAY(SELECT DISTINCT one FROM unnest(c.items || excluded.items) one)
WHERE NOT c.items @> excluded.items
