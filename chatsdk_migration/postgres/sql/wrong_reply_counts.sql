-- Parents that we brought, in one pass in the order of their ids. The live server may or may not count down when a reply
-- is deleted there.
-- The map is read by channel alone: beside the app, statistics that lag behind choose to read all of the app.
WITH ours AS MATERIALIZED (
    SELECT k.app_id, k.message_id FROM chatsdk_migration.message_map k WHERE k.channel_id = %(channel)s
)
SELECT array_agg(id) FROM (
    SELECT m.id
    FROM message m
    LEFT JOIN (
        SELECT r.parent_id AS id, count(*) AS replies, count(*) FILTER (WHERE r.deleted_by IS NOT NULL) AS deleted
        FROM message r
        WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.parent_id IS NOT NULL
        GROUP BY r.parent_id
    ) counted ON counted.id = m.id
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND (m.reply_count > 0 OR counted.id IS NOT NULL)
      AND coalesce(m.reply_count, 0)
          NOT BETWEEN coalesce(counted.replies - counted.deleted, 0) AND coalesce(counted.replies, 0)
      AND m.id IN (SELECT k.message_id FROM ours k WHERE k.app_id = %(app)s)
      AND (%(after)s::uuid IS NULL OR m.id > %(after)s::uuid)
    ORDER BY m.id LIMIT %(rows)s
) wrong
