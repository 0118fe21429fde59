INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.poll_id, %(app)s::uuid, s.user_id, s.option_id, s.voted_at
FROM stage_vote s
WHERE (SELECT p.id FROM poll p WHERE p.app_id = %(app)s AND p.id = s.poll_id) IS NOT NULL
  AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
ORDER BY s.poll_id, s.user_id, s.option_id
ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
