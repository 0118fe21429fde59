-- Each message read again, on three sides: Stream's now, the target's now, and as the migration left it (the digests).
INSERT INTO stage_sync_change (id, stream_id, line, parent_id, reply_to_id, verdict, what)
WITH sides AS (
    SELECT k.id, k.stream_id, k.line, p.id AS parent_id, q.id AS reply_to_id,
           chatsdk_migration.row_digest(s.user_id, s.attachments, p.id, q.id, s.poll_id, s.created_at, s.edited_at,
                                        s.deleted_at) AS source_row,
           hashtextextended(s.text, 0) AS source_text, t.row AS target_row, t.text AS target_text,
           b.row_digest AS base_row, b.text_digest AS base_text, s.deleted_at AS source_deleted, t.deleted_at AS target_deleted
    FROM stage_known k
    JOIN stage_message s ON s.ctid = k.line
    LEFT JOIN stage_known p ON p.stream_id = s.parent_stream_id AND p.present
    LEFT JOIN stage_known q ON q.stream_id = s.quoted_stream_id AND q.present
    CROSS JOIN LATERAL (
        SELECT chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                            m.edited_at, m.deleted_at) AS row,
               hashtextextended(m.text, 0) AS text, m.deleted_at
        FROM message m WHERE m.app_id = %(app)s AND m.id = k.id LIMIT 1
    ) t
    CROSS JOIN LATERAL (
        SELECT b.row_digest, b.text_digest FROM chatsdk_migration.message_map b
        WHERE b.app_id = %(app)s AND b.stream_id = k.stream_id LIMIT 1
    ) b
    WHERE k.present
), judged AS (
    SELECT s.*, CASE
        WHEN (source_row, source_text) IS NOT DISTINCT FROM (target_row, target_text)
            THEN CASE WHEN (base_row, base_text) IS DISTINCT FROM (target_row, target_text) THEN 'settled' END
        WHEN (target_row, target_text) IS NOT DISTINCT FROM (base_row, base_text) THEN 'apply'
        WHEN (source_row, source_text) IS NOT DISTINCT FROM (base_row, base_text) THEN NULL
        WHEN source_deleted IS NOT NULL AND target_deleted IS NOT NULL THEN NULL
        ELSE 'conflict' END AS verdict
    FROM sides s
)
SELECT id, stream_id, line, parent_id, reply_to_id, verdict,
       CASE WHEN source_deleted IS NOT NULL THEN 'deleted' ELSE 'changed' END || ' in Stream, '
       || CASE WHEN target_deleted IS NOT NULL THEN 'deleted' ELSE 'changed' END || ' in ChatSDK'
FROM judged WHERE verdict IS NOT NULL
