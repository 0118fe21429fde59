-- A person who came with the migration and is an administrator was not made one by it.
INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found)
SELECT 'privacy', 'different', u.id, u.id, 'is_admin', 'no administrator', u.custom_data ->> 'is_admin'
FROM app_user u
WHERE u.app_id = %(app)s AND u.created_at < %(since)s AND lower(u.custom_data ->> 'is_admin') IN ('true', '1', 't', 'yes', 'on')
