SELECT count(m.user_id), count(s.joined_at::timestamptz), count(s.last_read::timestamptz)
FROM unnest(%(user_id)s::text[], %(joined_at)s::text[], %(last_read)s::text[]) AS s (user_id, joined_at, last_read)
LEFT JOIN channel_member m ON m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.user_id = s.user_id
