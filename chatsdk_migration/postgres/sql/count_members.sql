SELECT count(DISTINCT s.user_id) FROM stage_member s
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
