SELECT count(r.message_id), count(s.created_at::timestamptz)
FROM unnest(%(message_id)s::text[], %(user_id)s::text[], %(emoji)s::text[], %(created_at)s::text[])
    AS s (message_id, user_id, emoji, created_at)
LEFT JOIN reaction r
    ON r.app_id = %(app)s AND r.message_id = s.message_id::uuid AND r.user_id = s.user_id AND r.emoji = s.emoji
