-- Read up to wherever the person has read by now, in ChatSDK as in Stream.
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT f.item, %(app)s::uuid, f.target_id::uuid,
       f.expected::integer | CASE WHEN c.last_read_seq >= coalesce(v.seq_loaded, v.seq) AND c.last_read_seq > 0 THEN 1 ELSE 0 END
FROM stage_verify_found f
JOIN stage_verify_message v ON v.id = f.target_id::uuid AND v.there
JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = f.item
WHERE f.category = 'message_state' AND f.kind = 'missing' AND f.explained_by IS NULL
ON CONFLICT (app_id, user_id, message_id) DO NOTHING
