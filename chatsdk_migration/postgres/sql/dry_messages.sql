SELECT count(m.id), count(s.attachments::jsonb), count(s.created_at::timestamptz), count(s.edited_at::timestamptz),
       count(s.deleted_at::timestamptz)
FROM unnest(%(id)s::text[], %(attachments)s::text[], %(created_at)s::text[], %(edited_at)s::text[], %(deleted_at)s::text[])
    AS s (id, attachments, created_at, edited_at, deleted_at)
LEFT JOIN message m ON m.app_id = %(app)s AND m.id = s.id::uuid
