UPDATE mention n
SET mentioned_user_id = s.mentioned_user_id, mentioner_user_id = s.mentioner_user_id, created_at = s.created_at
FROM stage_verify_found f JOIN stage_mention s ON s.id = f.item::uuid
WHERE f.category = 'mentions' AND f.kind = 'different' AND f.explained_by IS NULL AND n.app_id = %(app)s AND n.id = s.id
