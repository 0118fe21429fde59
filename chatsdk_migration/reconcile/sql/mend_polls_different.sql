UPDATE poll p
SET message_id = CASE WHEN 'message' = ANY (f.fields) THEN f.message_id ELSE p.message_id END,
    question = CASE WHEN 'question' = ANY (f.fields) THEN f.question ELSE p.question END,
    options = CASE WHEN 'options' = ANY (f.fields) THEN f.options ELSE p.options END,
    is_anonymous = CASE WHEN 'is_anonymous' = ANY (f.fields) THEN f.is_anonymous ELSE p.is_anonymous END,
    is_multi_choice = CASE WHEN 'is_multi_choice' = ANY (f.fields) THEN f.is_multi_choice ELSE p.is_multi_choice END,
    ends_at = CASE WHEN 'ends_at' = ANY (f.fields) THEN f.ends_at ELSE p.ends_at END,
    created_by = CASE WHEN 'created_by' = ANY (f.fields) THEN f.created_by ELSE p.created_by END,
    created_at = CASE WHEN 'created_at' = ANY (f.fields) THEN f.created_at ELSE p.created_at END
FROM (
    SELECT DISTINCT ON (s.id) s.*, d.fields
    FROM (
        SELECT target_id::uuid AS id, array_agg(field) AS fields FROM stage_verify_found
        WHERE category = 'polls' AND kind = 'different' AND explained_by IS NULL AND field <> 'poll' GROUP BY target_id
    ) d
    JOIN stage_poll s ON s.id = d.id
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    ORDER BY s.id, v.created_at, v.seq_loaded, v.stream_id COLLATE "C"
) f
WHERE p.app_id = %(app)s AND p.id = f.id
