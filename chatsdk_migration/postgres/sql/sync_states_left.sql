DELETE FROM user_message u USING message m
WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
  AND u.app_id = m.app_id AND u.message_id = m.id AND u.user_id = ANY (%(users)s)
