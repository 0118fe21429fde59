-- Those of the people met in other records who are not as they were carried.
SELECT s.id FROM unnest(%(id)s::text[], %(name)s::text[], %(image_url)s::text[], %(custom_data)s::text[])
    AS s (id, name, image_url, custom_data)
JOIN chatsdk_migration.carried_user b ON b.app_id = %(app)s AND b.user_id = s.id
WHERE b.digest <> chatsdk_migration.user_digest(s.name, s.image_url, s.custom_data::jsonb)
