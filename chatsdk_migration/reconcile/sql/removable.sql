-- Ours, and no longer Stream's; or a copy of one of ours that no live send can have made. Not what a person in ChatSDK
-- has answered, quoted, edited or reacted to, nor what anything explains: a tombstone stays, and so does what Stream has
-- in a form that cannot be carried.
SELECT array_agg(v.id), array_agg(v.id) FILTER (WHERE v.mapped)
FROM stage_verify_message v
JOIN stage_verify_found f ON f.target_id = v.id::text AND f.category = 'messages' AND f.kind = 'extra' AND f.explained_by IS NULL
WHERE v.there AND NOT v.wanted AND NOT v.live AND NOT v.edited_live AND NOT v.deleted_live
  AND (v.mapped OR EXISTS (
      SELECT FROM stage_verify_message o
      WHERE o.wanted AND (o.seq_loaded = v.seq OR (o.user_id = v.user_id AND o.created_at = v.created_at))
  ))
  AND NOT EXISTS (
      SELECT FROM stage_verify_message l JOIN message m ON m.app_id = %(app)s AND m.id = l.id
      WHERE l.live AND (m.parent_id = v.id OR m.reply_to_id = v.id)
  )
  AND NOT EXISTS (SELECT FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = v.id AND r.created_at >= v.loaded_at
                  AND NOT EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = v.id
                                  AND chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) = ANY (b.items)))
