INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.poll_id, %(app)s::uuid, s.user_id, s.option_id, s.voted_at
FROM stage_verify_found f
JOIN stage_vote s ON s.poll_id = f.target_id::uuid AND s.user_id = f.person AND s.option_id = f.item
WHERE f.category = 'votes' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.poll_id, s.user_id, s.option_id, s.voted_at
ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
