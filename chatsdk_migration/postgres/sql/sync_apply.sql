-- Only rows that still are as the migration left them, also at this very moment.
WITH written AS (
    UPDATE message m
    SET user_id = s.user_id, text = s.text, attachments = s.attachments, parent_id = c.parent_id,
        reply_to_id = c.reply_to_id, poll_id = s.poll_id, edited_at = s.edited_at, deleted_at = s.deleted_at, deleted_by = NULL
    FROM stage_sync_change c
    JOIN stage_message s ON s.ctid = c.line
    JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = c.stream_id
    WHERE c.verdict = 'apply' AND m.app_id = %(app)s AND m.id = c.id
      AND hashtextextended(m.text, 0) IS NOT DISTINCT FROM b.text_digest
      AND chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                       m.edited_at, m.deleted_at) = b.row_digest
    RETURNING c.stream_id, m.*
), noted AS (
    UPDATE chatsdk_migration.message_map b
    SET text_digest = hashtextextended(w.text, 0), gone_at = NULL,
        row_digest = chatsdk_migration.row_digest(w.user_id, w.attachments, w.parent_id, w.reply_to_id, w.poll_id,
                                                  w.created_at, w.edited_at, w.deleted_at)
    FROM written w WHERE b.app_id = %(app)s AND b.stream_id = w.stream_id
)
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*) FILTER (WHERE deleted_at IS NOT NULL) FROM written
