-- How many are there already; the casts find what a load would refuse.
SELECT count(u.id), count(s.custom_data::jsonb), count(s.last_active_at::timestamptz), count(s.created_at::timestamptz),
       count(s.updated_at::timestamptz)
FROM unnest(%(id)s::text[], %(custom_data)s::text[], %(last_active_at)s::text[], %(created_at)s::text[], %(updated_at)s::text[])
    AS s (id, custom_data, last_active_at, created_at, updated_at)
LEFT JOIN app_user u ON u.app_id = %(app)s AND u.id = s.id
