-- Stream frees the id of a hard-deleted message. The one that was carried under it is gone: it gives the name away to the
-- one that has it now, keeps its row and its number, and is buried where nobody here changed it.
WITH newest AS (
    SELECT DISTINCT ON (s.stream_id COLLATE "C") s.stream_id, s.id FROM stage_message s
    ORDER BY s.stream_id COLLATE "C", s.created_at DESC, s.created_ns DESC, s.ctid DESC
), freed AS (
    UPDATE chatsdk_migration.message_map b
    SET stream_id = b.stream_id || ' (deleted in Stream; ' || b.message_id::text || ')', gone_at = %(now)s::timestamptz
    FROM newest n
    WHERE b.app_id = %(app)s AND b.stream_id = n.stream_id AND b.message_id <> n.id
    RETURNING n.stream_id AS was, b.stream_id, b.message_id, b.text_digest, b.row_digest
), settled AS (
    DELETE FROM chatsdk_migration.quarantine q USING freed f
    WHERE q.app_id = %(app)s AND q.entity = 'message' AND q.stream_id = f.was AND q.code = 'stream_id_reused'
      AND q.replayed_at IS NULL AND q.discarded_at IS NULL
)
INSERT INTO stage_sync_change (id, stream_id, verdict, what)
SELECT f.message_id, f.stream_id,
       CASE WHEN f.row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id,
                                                             m.created_at, m.edited_at, m.deleted_at)
             AND f.text_digest IS NOT DISTINCT FROM hashtextextended(m.text, 0) THEN 'bury' ELSE 'conflict' END,
       'gone from Stream, changed in ChatSDK'
FROM freed f
JOIN message m ON m.app_id = %(app)s AND m.id = f.message_id AND m.deleted_at IS NULL
