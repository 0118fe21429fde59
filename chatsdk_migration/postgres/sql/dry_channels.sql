SELECT count(c.id), count(s.config::jsonb), count(s.created_at::timestamptz), count(s.updated_at::timestamptz)
FROM unnest(%(id)s::uuid[], %(config)s::text[], %(created_at)s::text[], %(updated_at)s::text[])
    AS s (id, config, created_at, updated_at)
LEFT JOIN channel c ON c.app_id = %(app)s AND c.id = s.id
