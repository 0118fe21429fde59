-- Carried once, and no longer in a part of Stream's history that was read to the end. A reply stands in its thread; one
-- that lost its parent on the way is in no list, so only a reading of everything can miss it.
INSERT INTO stage_sync_change (id, stream_id, verdict, what)
WITH threads AS MATERIALIZED (
    SELECT b.message_id FROM stage_sync_thread t
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = t.stream_id
), absent AS MATERIALIZED (
    SELECT b.stream_id, b.text_digest, b.row_digest, m.*
    FROM message m
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.message_id = m.id
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM stage_message s WHERE s.stream_id = b.stream_id)
      AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.entity = 'message' AND r.stream_id = b.stream_id)
), gone AS (
    SELECT a.* FROM absent a
    WHERE a.stream_id IN (SELECT stream_id FROM stage_sync_sought)
       OR a.parent_id IN (SELECT message_id FROM threads)
       OR (%(everything)s AND a.created_at < %(until)s)
       OR (a.parent_id IS NULL AND a.created_at >= %(since)s AND a.created_at < %(until)s AND NOT EXISTS (
               SELECT FROM chatsdk_migration.loss l WHERE l.app_id = %(app)s AND l.cid = %(cid)s AND l.entity = 'message'
                 AND l.kind = 'parent_not_carried' AND l.stream_id = a.stream_id))
), all_gone AS (
    SELECT * FROM gone
    UNION
    SELECT a.* FROM absent a JOIN gone g ON g.id = a.parent_id
)
SELECT g.id, g.stream_id,
       CASE WHEN g.row_digest = chatsdk_migration.row_digest(g.user_id, g.attachments, g.parent_id, g.reply_to_id, g.poll_id,
                                                             g.created_at, g.edited_at, g.deleted_at)
             AND g.text_digest IS NOT DISTINCT FROM hashtextextended(g.text, 0) THEN 'bury' ELSE 'conflict' END,
       'gone from Stream, changed in ChatSDK'
FROM all_gone g
