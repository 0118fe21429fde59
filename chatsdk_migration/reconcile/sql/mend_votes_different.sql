UPDATE poll_vote o SET voted_at = s.voted_at
FROM stage_verify_found f
JOIN (SELECT DISTINCT ON (poll_id, user_id, option_id) * FROM stage_vote ORDER BY poll_id, user_id, option_id, voted_at) s
    ON s.poll_id = f.target_id::uuid AND s.user_id = f.person AND s.option_id = f.item
WHERE f.category = 'votes' AND f.kind = 'different' AND f.explained_by IS NULL
  AND o.app_id = %(app)s AND o.poll_id = s.poll_id AND o.user_id = s.user_id AND o.option_id = s.option_id
