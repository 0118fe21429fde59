-- Stream frees the id of a hard-deleted message. The one that was carried under it is gone: it gives the name away to the
-- one that has it now, keeps its row and its number, and is buried where nobody here changed it. It may be of another
-- channel, where nothing leads a sync to it: what is to be decided there is listed there, at once, for nothing leads here
-- a second time either.
WITH newest AS (
    SELECT DISTINCT ON (s.stream_id COLLATE "C") s.stream_id, s.id FROM stage_message s
    ORDER BY s.stream_id COLLATE "C", s.created_at DESC, s.created_ns DESC, s.ctid DESC
), freed AS (
    UPDATE chatsdk_migration.message_map b
    SET stream_id = b.stream_id || ' (deleted in Stream; ' || b.message_id::text || ')', gone_at = %(now)s::timestamptz
    FROM newest n
    WHERE b.app_id = %(app)s AND b.stream_id = n.stream_id AND b.message_id <> n.id
    RETURNING n.stream_id AS was, b.stream_id, b.channel_id, b.message_id, b.text_digest, b.row_digest
), settled AS (
    DELETE FROM chatsdk_migration.quarantine q USING freed f
    WHERE q.app_id = %(app)s AND q.entity = 'message' AND q.stream_id = f.was AND q.code = 'stream_id_reused'
      AND q.replayed_at IS NULL AND q.discarded_at IS NULL
), judged AS (
    SELECT f.*, CASE
        WHEN m.deleted_at IS NOT NULL THEN 'gone'
        WHEN f.row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id,
                                                         m.created_at, m.edited_at, m.deleted_at)
             AND f.text_digest IS NOT DISTINCT FROM hashtextextended(m.text, 0) THEN 'bury'
        ELSE 'conflict' END AS verdict, 'gone from Stream, changed in ChatSDK' AS what,
        CASE WHEN f.channel_id = %(channel)s THEN %(cid)s ELSE (
            SELECT k.cid FROM chatsdk_migration.channel_map k WHERE k.app_id = %(app)s AND k.channel_id = f.channel_id) END AS cid
    FROM freed f JOIN message m ON m.app_id = %(app)s AND m.id = f.message_id
), listed AS (
    INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
    SELECT %(app)s::uuid, cid, 'message', stream_id, what, %(now)s::timestamptz
    FROM judged WHERE verdict = 'conflict' AND cid IS NOT NULL
    ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
), renamed AS (
    -- What was listed under the name before is listed under the new one, or is nobody's decision any more.
    DELETE FROM chatsdk_migration.conflict c USING judged j
    WHERE c.app_id = %(app)s AND c.cid = j.cid AND c.entity NOT IN ('user', 'channel', 'member') AND c.stream_id = j.was
), forgotten AS (
    DELETE FROM chatsdk_migration.withheld_mention w USING judged j
    WHERE w.app_id = %(app)s AND w.channel_id = j.channel_id AND w.message_id = j.message_id AND j.verdict <> 'conflict'
), unrecorded AS (
    -- What hung there when that channel was loaded goes with it.
    DELETE FROM chatsdk_migration.channel_load l USING judged j
    WHERE l.app_id = %(app)s AND l.channel_id = j.channel_id AND j.channel_id <> %(channel)s AND j.verdict <> 'conflict'
      AND EXISTS (SELECT FROM chatsdk_migration.carried b
                  WHERE b.app_id = %(app)s AND b.message_id = j.message_id AND b.items <> '{}')
)
INSERT INTO stage_sync_change (id, stream_id, verdict, what)
SELECT message_id, stream_id, verdict, what FROM judged WHERE verdict <> 'conflict' OR channel_id = %(channel)s
