-- What somebody took away themselves leaves no trace of its own: it is explained by their having been here since.
UPDATE stage_verify_found f
SET explained_by = CASE
    WHEN EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person) THEN 'live'
    WHEN EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = f.person) THEN 'person_removed'
    ELSE 'quarantined' END
WHERE f.explained_by IS NULL AND f.person IS NOT NULL
  AND ((f.kind = 'missing' AND f.category IN ('members', 'reactions', 'votes', 'pins', 'mentions', 'polls', 'messages')
        AND NOT EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person))
    OR (((f.kind = 'missing' AND f.category IN ('members', 'reactions', 'votes', 'pins'))
         OR (f.category = 'members' AND f.field = 'muted'))
        AND (EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person
                     AND u.last_active_at > %(since)s AND u.last_active_at <= now())
             OR EXISTS (SELECT FROM stage_verify_message v WHERE v.live AND v.user_id = f.person))))
