-- Carried once, and no longer in a part of Stream's history that was read to the end. A reply stands in its thread; one
-- that lost its parent on the way is in no list, so only a reading of everything can miss it. What was read is known by
-- its ids, so that only what is missing is looked up in the map. Threads that Stream keeps to itself say nothing.
-- What is deleted here too is no conflict any more, if it was one. Of what came later than the reading nothing is in the map.
INSERT INTO stage_sync_change (id, stream_id, verdict, what)
WITH threads AS MATERIALIZED (
    SELECT b.message_id AS id FROM stage_sync_thread t
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = t.stream_id
    WHERE t.stream_id NOT IN (SELECT stream_id FROM stage_sync_refused)
), refused AS MATERIALIZED (
    SELECT b.message_id AS id FROM stage_sync_refused t
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = t.stream_id
), due AS MATERIALIZED (
    SELECT b.message_id AS id, false AS by_time FROM stage_sync_sought t
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = t.stream_id
    UNION ALL
    SELECT m.id, false FROM threads t JOIN message m ON m.app_id = %(app)s AND m.parent_id = t.id
    UNION ALL
    SELECT m.id, true FROM message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.parent_id IS NULL
      AND m.created_at >= %(since)s
    UNION ALL
    SELECT m.id, false FROM message m
    WHERE %(everything)s AND m.app_id = %(app)s AND m.channel_id = %(channel)s
      AND (m.parent_id IS NULL OR m.parent_id NOT IN (SELECT id FROM refused))
), unread AS MATERIALIZED (
    SELECT d.id, bool_and(d.by_time) AS by_time FROM due d
    WHERE NOT EXISTS (SELECT FROM stage_message s WHERE s.id = d.id) GROUP BY d.id
), gone AS (
    SELECT u.id FROM unread u
    JOIN LATERAL (
        SELECT b.stream_id FROM chatsdk_migration.message_map b
        WHERE b.channel_id = %(channel)s AND b.message_id = u.id AND b.app_id = %(app)s LIMIT 1
    ) b ON true
    WHERE NOT (u.by_time AND EXISTS (
        SELECT FROM chatsdk_migration.loss l WHERE l.app_id = %(app)s AND l.cid = %(cid)s AND l.entity = 'message'
          AND l.kind = 'parent_not_carried' AND l.stream_id = b.stream_id))
      AND NOT EXISTS (SELECT FROM stage_message s WHERE s.stream_id = b.stream_id)
      AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.entity = 'message' AND r.stream_id = b.stream_id)
), all_gone AS (
    SELECT id FROM gone
    UNION
    SELECT m.id FROM gone g JOIN message m ON m.app_id = %(app)s AND m.parent_id = g.id
    WHERE NOT EXISTS (SELECT FROM stage_message s WHERE s.id = m.id)
)
SELECT m.id, b.stream_id,
       CASE WHEN m.deleted_at IS NOT NULL THEN 'gone'
            WHEN b.row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id,
                                                             m.created_at, m.edited_at, m.deleted_at)
             AND b.text_digest IS NOT DISTINCT FROM hashtextextended(m.text, 0) THEN 'bury' ELSE 'conflict' END,
       'gone from Stream, changed in ChatSDK'
FROM all_gone g
JOIN LATERAL (
    SELECT o.* FROM message o
    WHERE o.app_id = %(app)s AND o.id = g.id AND o.channel_id = %(channel)s LIMIT 1
) m ON true
JOIN LATERAL (
    SELECT k.stream_id, k.text_digest, k.row_digest, k.gone_at FROM chatsdk_migration.message_map k
    WHERE k.channel_id = %(channel)s AND k.message_id = g.id AND k.app_id = %(app)s LIMIT 1
) b ON true
WHERE m.deleted_at IS NULL OR b.gone_at IS NULL OR EXISTS (
    SELECT FROM chatsdk_migration.conflict c WHERE c.app_id = %(app)s AND c.cid = %(cid)s AND c.stream_id = b.stream_id)
