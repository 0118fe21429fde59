-- As place_readers, where the plan is all there is in the channel: no other message can be meant, and ranks are numbers.
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
), line AS (
    SELECT p.created_at AS at, p.rank, NULL::text AS user_id FROM stage_plan p WHERE EXISTS (SELECT FROM unplaced)
    UNION ALL
    SELECT at, NULL, user_id FROM unplaced
), placed AS (
    SELECT user_id, max(rank) OVER (ORDER BY at RANGE UNBOUNDED PRECEDING) AS rank FROM line
), place AS MATERIALIZED (
    SELECT p.user_id, m.rank AS seq, m.id AS message_id
    FROM placed p
    CROSS JOIN LATERAL (SELECT m.rank, m.id FROM stage_plan m WHERE m.rank = p.rank LIMIT 1) m
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
