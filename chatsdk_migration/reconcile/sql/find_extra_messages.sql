INSERT INTO stage_verify_found (category, kind, stream_id, target_id, found, explained_by)
SELECT 'messages', 'extra', v.stream_id, v.id::text, coalesce(m.text, '(deleted message)'),
       CASE WHEN v.live THEN 'live' WHEN v.gone THEN 'gone_from_source' WHEN v.deleted_live THEN 'deleted_live'
            WHEN EXISTS (SELECT FROM chatsdk_migration.conflict k WHERE k.app_id = %(app)s AND k.cid = %(cid)s
                         AND k.entity = 'message' AND k.stream_id = v.stream_id) THEN 'edited_live'
            WHEN v.parent_id IN (SELECT p.id FROM stage_loss l JOIN stage_verify_message p ON p.stream_id = l.stream_id
                                 WHERE l.kind = 'thread_refused') THEN 'thread_refused' END
FROM stage_verify_message v JOIN message m ON m.app_id = %(app)s AND m.id = v.id
WHERE v.there AND NOT v.wanted
