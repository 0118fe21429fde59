-- A person who came with the migration and is an administrator was not made one by it. Not meant are those whom the operator
-- names, and those who were ChatSDK's own before anything of theirs arrived (no digest).
INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found)
SELECT 'privacy', 'different', u.id, u.id, 'is_admin', 'no administrator', u.custom_data ->> 'is_admin'
FROM app_user u
WHERE u.app_id = %(app)s AND u.created_at < %(since)s AND u.id <> ALL (%(administrators)s::text[]) AND lower(u.custom_data ->> 'is_admin') IN ('true', '1', 't', 'yes', 'on')
  AND NOT EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = u.id AND k.digest IS NULL)
