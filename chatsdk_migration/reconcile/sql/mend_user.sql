UPDATE app_user u
SET name = CASE WHEN 'name' = ANY (%(fields)s) THEN %(name)s ELSE u.name END,
    image_url = CASE WHEN 'image_url' = ANY (%(fields)s) THEN %(image_url)s ELSE u.image_url END,
    custom_data = CASE WHEN 'custom_data' = ANY (%(fields)s) THEN %(custom_data)s::jsonb ELSE u.custom_data END,
    created_at = CASE WHEN 'created_at' = ANY (%(fields)s) THEN %(created_at)s::timestamptz ELSE u.created_at END
WHERE u.app_id = %(app)s AND u.id = %(id)s
