-- Whom Stream listed once and lists no more, it has deleted; a sync of everything says so of them here too. Whose record
-- cannot be carried is as it was carried before, or not here at all: explained where it waits in quarantine.
INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found, explained_by)
SELECT 'users', 'extra', u.id, u.id, NULL, NULL, u.name, NULL
FROM chatsdk_migration.carried_user k
JOIN app_user u ON u.app_id = %(app)s AND u.id = k.user_id
WHERE k.app_id = %(app)s AND k.listed AND k.digest IS NOT NULL
  AND NOT EXISTS (SELECT FROM verify_app_user s WHERE s.id = k.user_id)
  AND NOT EXISTS (SELECT FROM verify_app_refused r WHERE r.id = k.user_id)
UNION ALL
SELECT DISTINCT 'users', CASE WHEN u.id IS NULL THEN 'missing' ELSE 'different' END, r.id, r.id,
       CASE WHEN u.id IS NOT NULL THEN 'record' END, 'a record that can be carried', 'one that cannot',
       CASE WHEN EXISTS (SELECT FROM chatsdk_migration.quarantine q WHERE q.app_id = %(app)s AND q.cid = ''
                         AND q.entity = 'user' AND q.stream_id = r.id AND q.replayed_at IS NULL) THEN 'quarantined' END
FROM verify_app_refused r
LEFT JOIN app_user u ON u.app_id = %(app)s AND u.id = r.id
WHERE NOT EXISTS (SELECT FROM verify_app_user s WHERE s.id = r.id)
