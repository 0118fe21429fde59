SELECT count(p.id), count(s.options::jsonb), count(s.ends_at::timestamptz), count(s.created_at::timestamptz)
FROM unnest(%(id)s::text[], %(options)s::text[], %(ends_at)s::text[], %(created_at)s::text[])
    AS s (id, options, ends_at, created_at)
LEFT JOIN poll p ON p.app_id = %(app)s AND p.id = s.id::uuid
