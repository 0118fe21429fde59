-- Messages of ours that lack a link which can be made now: it pointed forward, or its target came with a later run.
INSERT INTO stage_link (id, parent_id, reply_to_id)
SELECT s.id, p.id, q.id
FROM stage_message s
JOIN stage_known k ON k.line = s.ctid AND k.present
LEFT JOIN stage_known p ON p.stream_id = s.parent_stream_id AND p.present
LEFT JOIN stage_known q ON q.stream_id = s.quoted_stream_id AND q.present
CROSS JOIN LATERAL (
    SELECT m.parent_id, m.reply_to_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.id LIMIT 1
) there
WHERE (s.parent_stream_id IS NOT NULL OR s.quoted_stream_id IS NOT NULL)
  AND ((there.parent_id IS NULL AND p.id IS NOT NULL) OR (there.reply_to_id IS NULL AND q.id IS NOT NULL))
