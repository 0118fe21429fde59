INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
SELECT DISTINCT ON (s.message_id, s.user_id, s.emoji) s.message_id, %(app)s::uuid, s.user_id, s.emoji, s.created_at
FROM stage_verify_found f
JOIN stage_reaction s ON s.message_id = f.target_id::uuid AND s.user_id = f.person AND s.emoji = f.item
WHERE f.category = 'reactions' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.message_id, s.user_id, s.emoji, s.created_at
ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
