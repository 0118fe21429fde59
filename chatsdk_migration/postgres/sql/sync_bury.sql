-- A tombstone, as the server makes one: the number stays taken, clients that hold the message see it go.
WITH buried AS (
    UPDATE message m
    SET text = NULL, attachments = '[]', poll_id = NULL, deleted_at = greatest(%(now)s::timestamptz, m.created_at)
    FROM stage_sync_change c JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = c.stream_id
    WHERE c.verdict = 'bury' AND m.app_id = %(app)s AND m.id = c.id AND m.deleted_at IS NULL
      AND hashtextextended(m.text, 0) IS NOT DISTINCT FROM b.text_digest
      AND chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                       m.edited_at, m.deleted_at) = b.row_digest
    RETURNING c.stream_id, m.*
), unread AS (
    -- What the report says that Stream holds.
    UPDATE chatsdk_migration.source_month r SET messages = greatest(r.messages - w.messages, 1)
    FROM (SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS messages
          FROM buried WHERE channel_id = %(channel)s GROUP BY 1) w
    WHERE r.app_id = %(app)s AND r.cid = %(cid)s AND r.month = w.month
), noted AS (
    UPDATE chatsdk_migration.message_map b
    SET text_digest = NULL, gone_at = %(now)s::timestamptz,
        row_digest = chatsdk_migration.row_digest(w.user_id, w.attachments, w.parent_id, w.reply_to_id, w.poll_id,
                                                  w.created_at, w.edited_at, w.deleted_at)
    FROM buried w WHERE b.app_id = %(app)s AND b.stream_id = w.stream_id
), gone AS (
    -- A tombstone already: it stays, and is not looked for in Stream any more.
    UPDATE chatsdk_migration.message_map b SET gone_at = %(now)s::timestamptz
    FROM stage_sync_change c
    WHERE c.verdict = 'gone' AND b.app_id = %(app)s AND b.stream_id = c.stream_id AND b.gone_at IS NULL
)
SELECT count(*) FROM buried
