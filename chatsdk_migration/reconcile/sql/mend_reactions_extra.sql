DELETE FROM reaction r USING stage_verify_found f JOIN stage_verify_message v ON v.id = f.target_id::uuid
WHERE f.category = 'reactions' AND f.kind = 'extra' AND f.explained_by IS NULL
  AND r.app_id = %(app)s AND r.message_id = v.id AND r.user_id = f.person AND r.emoji = f.item
  AND (r.created_at < v.loaded_at OR EXISTS (
          SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = r.message_id
            AND chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) = ANY (b.items)))
