-- Whom Stream listed once and lists no more, it has deleted; a sync of everything says so of them here too.
INSERT INTO verify_app_found (category, kind, stream_id, target_id, found)
SELECT 'users', 'extra', u.id, u.id, u.name
FROM chatsdk_migration.carried_user k
JOIN app_user u ON u.app_id = %(app)s AND u.id = k.user_id
WHERE k.app_id = %(app)s AND k.listed AND k.digest IS NOT NULL
  AND NOT EXISTS (SELECT FROM verify_app_user s WHERE s.id = k.user_id)
  AND NOT EXISTS (SELECT FROM verify_app_refused r WHERE r.id = k.user_id)
