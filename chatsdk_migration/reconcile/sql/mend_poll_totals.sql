UPDATE poll p
SET total_votes = (SELECT count(DISTINCT o.user_id) FROM poll_vote o WHERE o.app_id = %(app)s AND o.poll_id = p.id)
FROM stage_verify_found f
WHERE f.category = 'counters' AND f.field = 'total_votes' AND f.explained_by IS NULL AND p.app_id = %(app)s AND p.id = f.target_id::uuid
