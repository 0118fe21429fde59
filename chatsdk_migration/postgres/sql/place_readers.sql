-- Each unplaced member's last message at or before the read time: both merged on one time line, so that ten
-- thousand members of a million messages cost one sort. Only messages that we brought, and none behind a live one:
-- nobody has read in Stream what was written here.
WITH unplaced AS MATERIALIZED (
    SELECT c.user_id, CASE WHEN r.reads_all THEN 'infinity'::timestamptz ELSE r.last_read END AS at
    FROM channel_member c
    CROSS JOIN LATERAL (
        SELECT p.last_read, p.reads_all FROM chatsdk_migration.read_position p
        WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = c.user_id
        LIMIT 1
    ) r
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
      AND coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
      AND (r.reads_all OR r.last_read IS NOT NULL)
), ours AS MATERIALIZED (
    -- By channel alone: beside the app, statistics that lag behind choose to read all of the app.
    SELECT k.app_id, k.message_id FROM chatsdk_migration.message_map k
    WHERE k.channel_id = %(channel)s AND EXISTS (SELECT FROM unplaced)
), history AS MATERIALIZED (
    SELECT m.created_at, m.seq, k.message_id IS NOT NULL AS carried FROM message m
    LEFT JOIN ours k ON k.app_id = %(app)s AND k.message_id = m.id
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND EXISTS (SELECT FROM unplaced)
), line AS (
    SELECT h.created_at AS at, h.seq, NULL::text AS user_id FROM history h
    WHERE h.carried AND h.seq < coalesce((SELECT min(l.seq) FROM history l WHERE NOT l.carried), 9223372036854775807)
    UNION ALL
    SELECT at, NULL, user_id FROM unplaced
), placed AS (
    SELECT user_id, max(seq) OVER (ORDER BY at RANGE UNBOUNDED PRECEDING) AS seq FROM line
), place AS MATERIALIZED (
    SELECT p.user_id, p.seq, m.id AS message_id
    FROM placed p
    CROSS JOIN LATERAL (
        SELECT m.id FROM message m
        WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq = p.seq ORDER BY m.id LIMIT 1
    ) m
    WHERE p.user_id IS NOT NULL
), moved AS (
    UPDATE channel_member c
    SET last_read_seq = place.seq, last_read_message_id = place.message_id
    FROM place
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = place.user_id
      AND coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
    RETURNING c.user_id, c.last_read_seq
)
UPDATE chatsdk_migration.read_position p SET placed_seq = m.last_read_seq
FROM moved m
WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = m.user_id
