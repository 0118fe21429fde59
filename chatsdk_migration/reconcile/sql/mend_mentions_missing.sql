INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.mentioned_user_id, s.mentioner_user_id, s.created_at
FROM stage_verify_found f JOIN stage_mention s ON s.id = f.item::uuid
WHERE f.category = 'mentions' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.id
ON CONFLICT (id) DO NOTHING
