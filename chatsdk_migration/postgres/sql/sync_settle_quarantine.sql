-- What was rejected of messages read again, and is not rejected now, was mended or taken away in Stream; so was what lies in
-- a stretch of the list that was read to its end, or in a thread, and was not found there. Times are compared as Stream
-- writes them: a record that cannot be carried may have any.
WITH read AS (
    SELECT stream_id FROM stage_message
    UNION SELECT stream_id FROM stage_sync_sought
    UNION SELECT stream_id FROM stage_sync_change WHERE verdict IN ('bury', 'gone')
), refused AS (
    SELECT stream_id FROM stage_reject WHERE entity = 'message'
), rejected AS MATERIALIZED (
    SELECT q.id, q.entity, q.record_key, coalesce(nullif(q.message_stream_id, ''), q.stream_id) AS stream_id,
           q.record ->> 'created_at' AS created_at,
           nullif(coalesce(q.record ->> 'parent_id', q.record ->> 'parent_stream_id'), '') AS parent
    FROM chatsdk_migration.quarantine q
    WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.entity = ANY (%(entities)s)
      AND q.replayed_at IS NULL AND q.discarded_at IS NULL AND q.code <> 'stream_id_reused'
), missed AS (
    SELECT r.stream_id FROM rejected r
    WHERE r.entity = 'message' AND r.stream_id NOT IN (SELECT stream_id FROM refused)
      AND CASE WHEN r.parent IS NOT NULL
               THEN r.parent IN (SELECT stream_id FROM stage_sync_thread EXCEPT SELECT stream_id FROM stage_sync_refused)
               ELSE r.created_at ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$'
                    AND left(r.created_at, 19) COLLATE "C" >= %(since)s::text END
)
DELETE FROM chatsdk_migration.quarantine q
USING rejected r
WHERE q.id = r.id AND (r.stream_id IN (SELECT stream_id FROM read) OR r.stream_id IN (SELECT stream_id FROM missed))
  AND r.stream_id NOT IN (SELECT stream_id FROM stage_sync_partial)
  AND (r.entity, r.record_key) NOT IN (SELECT s.entity, s.record_key FROM stage_reject s)
