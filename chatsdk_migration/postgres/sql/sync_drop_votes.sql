-- Of a poll of which not all votes are known only those go that were given anew: the new one needs the place.
DELETE FROM poll_vote v
USING poll p, stage_sync_scope c JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE p.app_id = %(app)s AND p.message_id = c.id AND v.app_id = %(app)s AND v.poll_id = p.id
  AND (NOT c.partial OR EXISTS (SELECT FROM stage_vote s
                                WHERE s.poll_id = v.poll_id AND s.user_id = v.user_id AND s.option_id = v.option_id))
  AND chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at) = ANY (b.items)
  AND NOT EXISTS (SELECT FROM stage_sync_item i WHERE i.message_id = c.id
                  AND i.digest = chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at))
