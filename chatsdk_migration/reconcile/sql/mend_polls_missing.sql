INSERT INTO poll (id, message_id, app_id, question, options, is_anonymous, is_multi_choice, total_votes, ends_at, created_by, created_at)
SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.question, s.options, s.is_anonymous, s.is_multi_choice, s.total_votes,
       s.ends_at, s.created_by, s.created_at
FROM stage_verify_found f
JOIN stage_poll s ON s.id = f.target_id::uuid
JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
WHERE f.category = 'polls' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.id, v.created_at, v.seq_loaded, v.stream_id COLLATE "C"
ON CONFLICT (id) DO NOTHING
