UPDATE reaction r SET created_at = s.created_at
FROM stage_verify_found f
JOIN (SELECT DISTINCT ON (message_id, user_id, emoji) * FROM stage_reaction ORDER BY message_id, user_id, emoji, created_at) s
    ON s.message_id = f.target_id::uuid AND s.user_id = f.person AND s.emoji = f.item
JOIN stage_verify_message v ON v.id = s.message_id
WHERE f.category = 'reactions' AND f.kind = 'different' AND f.explained_by IS NULL
  AND r.app_id = %(app)s AND r.message_id = s.message_id AND r.user_id = s.user_id AND r.emoji = s.emoji
  AND (r.created_at < v.loaded_at OR EXISTS (
          SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = r.message_id
            AND chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) = ANY (b.items)))
