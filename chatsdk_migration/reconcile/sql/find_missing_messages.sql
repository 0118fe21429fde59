INSERT INTO stage_verify_found (category, kind, stream_id, target_id, expected, explained_by, person)
SELECT 'messages', 'missing', v.stream_id, v.id::text, coalesce(s.text, '(deleted message)'),
       CASE WHEN v.quarantined THEN 'quarantined' END, v.user_id
FROM stage_verify_message v JOIN stage_message s ON s.ctid = v.line
WHERE v.wanted AND NOT v.there
