-- Who is as in Stream now counts as carried so, or the next change there would be taken for a conflict. The right of an
-- administrator whom the operator names stays.
WITH mended AS (
    UPDATE app_user u
    SET name = CASE WHEN 'name' = ANY (%(fields)s) THEN %(name)s ELSE u.name END,
        image_url = CASE WHEN 'image_url' = ANY (%(fields)s) THEN %(image_url)s ELSE u.image_url END,
        custom_data = CASE WHEN 'custom_data' = ANY (%(fields)s)
                      THEN %(custom_data)s::jsonb || CASE WHEN u.id = ANY (%(administrators)s::text[]) AND u.custom_data ? 'is_admin'
                                                     THEN jsonb_build_object('is_admin', u.custom_data -> 'is_admin') ELSE '{}' END
                      ELSE u.custom_data END,
        created_at = CASE WHEN 'created_at' = ANY (%(fields)s) THEN %(created_at)s::timestamptz ELSE u.created_at END
    WHERE u.app_id = %(app)s AND u.id = %(id)s
    RETURNING u.id, chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data - 'is_admin') AS here
), noted AS (
    UPDATE chatsdk_migration.carried_user b SET digest = m.here, banned = %(custom_data)s::jsonb ? 'banned'
    FROM mended m
    WHERE b.app_id = %(app)s AND b.user_id = m.id AND b.digest IS NOT NULL
      AND m.here = chatsdk_migration.user_digest(%(name)s, %(image_url)s, %(custom_data)s::jsonb)
)
SELECT 1 FROM mended
