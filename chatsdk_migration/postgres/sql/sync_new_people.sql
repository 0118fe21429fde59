SELECT one.id FROM unnest(%(ids)s::text[]) AS one (id)
WHERE NOT EXISTS (SELECT FROM chatsdk_migration.carried_user b WHERE b.app_id = %(app)s AND b.user_id = one.id)
