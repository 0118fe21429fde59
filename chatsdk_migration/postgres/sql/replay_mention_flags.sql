UPDATE user_message u SET flags = u.flags | 2
FROM stage_mention s
JOIN mention n ON n.app_id = %(app)s AND n.id = s.id
WHERE u.app_id = %(app)s AND u.user_id = s.mentioned_user_id AND u.message_id = s.message_id AND u.flags & 2 = 0
