INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
SELECT 'privacy', 'extra', l.cid, l.stream_id, m.id::text, 'withheld', 'not in the target', left(m.text, 200)
FROM chatsdk_migration.loss l
JOIN chatsdk_migration.message_map k ON k.app_id = l.app_id AND k.stream_id = l.stream_id
JOIN message m ON m.app_id = k.app_id AND m.id = k.message_id
WHERE l.app_id = %(app)s AND l.entity = 'message' AND l.kind = ANY (%(withheld)s) AND l.stream_id <> '' AND m.text IS NOT NULL
