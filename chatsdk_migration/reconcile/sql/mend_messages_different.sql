-- Only the values that nothing explains; whoever edited or deleted the message meanwhile keeps what they did.
UPDATE message m
SET text = CASE WHEN 'text' = ANY (f.fields) THEN f.text ELSE m.text END,
    user_id = CASE WHEN 'author' = ANY (f.fields) THEN f.user_id ELSE m.user_id END,
    attachments = CASE WHEN 'attachments' = ANY (f.fields) THEN f.attachments ELSE m.attachments END,
    created_at = CASE WHEN 'created_at' = ANY (f.fields) THEN f.created_at ELSE m.created_at END,
    edited_at = CASE WHEN 'edited_at' = ANY (f.fields) THEN f.edited_at ELSE m.edited_at END,
    deleted_at = CASE WHEN 'deleted_at' = ANY (f.fields) THEN f.deleted_at ELSE m.deleted_at END,
    parent_id = CASE WHEN 'parent' = ANY (f.fields)
                THEN (SELECT p.id FROM message p WHERE p.app_id = %(app)s AND p.id = f.parent_id) ELSE m.parent_id END,
    reply_to_id = CASE WHEN 'reply_to' = ANY (f.fields)
                  THEN (SELECT q.id FROM message q WHERE q.app_id = %(app)s AND q.id = f.reply_to_id) ELSE m.reply_to_id END,
    poll_id = CASE WHEN 'poll' = ANY (f.fields)
              THEN (SELECT p.id FROM poll p WHERE p.app_id = %(app)s AND p.id = f.poll_id) ELSE m.poll_id END,
    seq = CASE WHEN 'seq' = ANY (f.fields) AND NOT EXISTS (
              SELECT FROM stage_verify_message l WHERE l.live AND l.seq = f.seq_loaded) THEN f.seq_loaded ELSE m.seq END
FROM (
    SELECT v.id, v.parent_id, v.reply_to_id, v.seq_loaded, v.edited_before, v.deleted_before, s.user_id, s.created_at, s.edited_at,
           s.deleted_at, s.poll_id, CASE WHEN v.deleted_live THEN NULL ELSE s.text END AS text,
           CASE WHEN v.deleted_live THEN '[]' ELSE s.attachments END AS attachments, d.fields
    FROM (
        SELECT target_id::uuid AS id, array_agg(field) AS fields FROM stage_verify_found
        WHERE kind = 'different' AND explained_by IS NULL
          AND category IN ('messages', 'attachments', 'threads', 'quotes', 'polls', 'sequence')
          AND field IN ('text', 'author', 'attachments', 'created_at', 'edited_at', 'deleted_at', 'parent', 'reply_to', 'poll', 'seq')
        GROUP BY target_id
    ) d
    JOIN stage_verify_message v ON v.id = d.id AND v.wanted
    JOIN stage_message s ON s.ctid = v.line
) f
WHERE m.app_id = %(app)s AND m.id = f.id
  AND (m.edited_at, m.deleted_at) IS NOT DISTINCT FROM (f.edited_before, f.deleted_before)
RETURNING m.id
