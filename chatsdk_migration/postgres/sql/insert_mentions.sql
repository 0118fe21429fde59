INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.mentioned_user_id, s.mentioner_user_id, s.created_at
FROM stage_mention s
WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
  AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioned_user_id) IS NOT NULL
  AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioner_user_id) IS NOT NULL
ORDER BY s.id
ON CONFLICT (id) DO NOTHING
