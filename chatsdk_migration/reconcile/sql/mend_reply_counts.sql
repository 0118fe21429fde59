UPDATE message p
SET reply_count = (SELECT count(*) FROM message r WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.parent_id = p.id)
FROM stage_verify_found f
WHERE f.category = 'counters' AND f.field = 'reply_count' AND f.explained_by IS NULL AND p.app_id = %(app)s AND p.id = f.target_id::uuid
