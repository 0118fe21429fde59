UPDATE user_message u SET flags = (coalesce(u.flags, 0) & ~3) | f.expected::integer
FROM stage_verify_found f
WHERE f.category = 'message_state' AND f.kind = 'different' AND f.explained_by IS NULL
  AND u.app_id = %(app)s AND u.user_id = f.item AND u.message_id = f.target_id::uuid AND (coalesce(u.flags, 0) & 3)::text = f.found
