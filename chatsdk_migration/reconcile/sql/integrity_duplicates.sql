INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found)
SELECT 'integrity', 'extra', min(k.stream_id), k.message_id::text, 'mapped twice', '1', count(*)::text
FROM chatsdk_migration.message_map k WHERE k.app_id = %(app)s
GROUP BY k.message_id HAVING count(*) > 1
