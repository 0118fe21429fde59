INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
SELECT DISTINCT ON (s.message_id, s.user_id, s.emoji) s.message_id, %(app)s::uuid, s.user_id, s.emoji, s.created_at
FROM stage_reaction s
JOIN stage_sync_scope c ON c.id = s.message_id
LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
  AND NOT chatsdk_migration.item_digest('reaction', s.user_id, s.emoji, s.created_at) = ANY (coalesce(b.items, '{}'))
ORDER BY s.message_id, s.user_id, s.emoji, s.created_at
ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
