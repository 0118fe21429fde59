-- Without its message, which comes after it and points to it.
INSERT INTO poll (id, app_id, question, options, is_anonymous, is_multi_choice, total_votes, ends_at, created_by, created_at)
SELECT DISTINCT ON (s.id) s.id, %(app)s::uuid, s.question, s.options, s.is_anonymous, s.is_multi_choice, s.total_votes,
       s.ends_at, s.created_by, s.created_at
FROM stage_plan p JOIN stage_poll s ON s.id = p.poll_id
WHERE p.rank > %(after)s AND p.rank <= %(upto)s
ORDER BY s.id
ON CONFLICT (id) DO NOTHING
