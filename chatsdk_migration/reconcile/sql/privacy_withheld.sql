-- What somebody here changed stays although Stream withholds it now: a sync has listed it, and whoever decides sees it there.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found, explained_by)
SELECT 'privacy', 'extra', l.cid, l.stream_id, m.id::text, 'withheld', 'not in the target', left(m.text, 200),
       CASE WHEN EXISTS (SELECT FROM chatsdk_migration.conflict c WHERE c.app_id = l.app_id AND c.cid = l.cid
                         AND c.entity = 'message' AND c.stream_id = l.stream_id) THEN 'conflict' END
FROM chatsdk_migration.loss l
JOIN chatsdk_migration.message_map k ON k.app_id = l.app_id AND k.stream_id = l.stream_id
JOIN message m ON m.app_id = k.app_id AND m.id = k.message_id
WHERE l.app_id = %(app)s AND l.entity = 'message' AND l.kind = ANY (%(withheld)s) AND l.stream_id <> '' AND m.text IS NOT NULL
