INSERT INTO stage_verify_found (category, kind, stream_id, target_id, found, explained_by)
SELECT 'messages', 'extra', v.stream_id, v.id::text, coalesce(m.text, '(deleted message)'), 
       CASE WHEN v.live THEN 'live' WHEN v.gone THEN 'gone_from_source' WHEN v.deleted_live THEN 'deleted_live' END
FROM stage_verify_message v JOIN message m ON m.app_id = %(app)s AND m.id = v.id
WHERE v.there AND NOT v.wanted
