-- People whom no list of Stream returns come with what they wrote and are not compared here. Who was among ChatSDK's own
-- people before anything of theirs arrived (no digest) keeps what they had. The right of an administrator whom the operator
-- names is not compared, all else of theirs is. A ban, and the end of one that was carried, may be of ChatSDK's moderators.
INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found, explained_by)
SELECT 'users', d.kind, s.id, s.id, d.field, d.expected, d.found, d.explained_by
FROM (SELECT DISTINCT ON (id) * FROM verify_app_user ORDER BY id) s
LEFT JOIN app_user u ON u.app_id = %(app)s AND u.id = s.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN u.id = ANY (%(administrators)s::text[]) THEN u.custom_data - 'is_admin' ELSE u.custom_data END AS custom_data
) own
CROSS JOIN LATERAL (
    SELECT 'missing' AS kind, NULL AS field, s.name::text AS expected, NULL AS found,
           CASE WHEN EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = s.id)
                THEN 'person_removed'
                WHEN EXISTS (SELECT FROM chatsdk_migration.quarantine q WHERE q.app_id = %(app)s AND q.entity = 'user'
                             AND q.stream_id = s.id AND q.replayed_at IS NULL) THEN 'quarantined' END AS explained_by
    WHERE u.id IS NULL
    UNION ALL
    SELECT 'different', f.field, f.expected, f.found,
           CASE WHEN f.field = 'custom_data' AND own.custom_data ? 'is_admin' THEN NULL
                -- as the migration left it: nobody here has changed it
                WHEN EXISTS (SELECT FROM chatsdk_migration.carried_user k
                             WHERE k.app_id = %(app)s AND k.user_id = s.id
                               AND k.digest = chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data - 'is_admin')) THEN NULL
                -- neither need show in the times of the record
                WHEN f.field = 'custom_data'
                     AND own.custom_data - '{banned,stream_ban_expires}'::text[] = s.custom_data - '{banned,stream_ban_expires}'::text[]
                     AND (NOT s.custom_data ? 'banned' OR NOT own.custom_data ? 'banned' AND EXISTS (
                              SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = s.id AND k.banned))
                     THEN 'live'
                WHEN f.field <> 'created_at' AND u.updated_at >= %(since)s AND u.updated_at IS DISTINCT FROM s.updated_at
                     THEN 'live'
                WHEN EXISTS (SELECT FROM chatsdk_migration.carried_user k
                             WHERE k.app_id = %(app)s AND k.user_id = s.id AND k.digest IS NULL) THEN 'live' END
    FROM (VALUES
        ('name', s.name::text, u.name::text), ('custom_data', s.custom_data::text, own.custom_data::text),
        ('image_url', regexp_replace(s.image_url, '\?.*Expires=.*', ''), regexp_replace(u.image_url, '\?.*Expires=.*', '')),
        ('created_at', s.created_at::text, u.created_at::text)
    ) f (field, expected, found)
    WHERE u.id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) d
