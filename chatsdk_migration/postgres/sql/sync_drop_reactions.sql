-- Of a message of which not all reactions are known only those go that were given anew: the new one needs the place.
DELETE FROM reaction r
USING stage_sync_scope c JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE r.app_id = %(app)s AND r.message_id = c.id
  AND (NOT c.partial OR EXISTS (SELECT FROM stage_reaction s
                                WHERE s.message_id = r.message_id AND s.user_id = r.user_id AND s.emoji = r.emoji))
  AND chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) = ANY (b.items)
  AND NOT EXISTS (SELECT FROM stage_sync_item i WHERE i.message_id = r.message_id
                  AND i.digest = chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at))
