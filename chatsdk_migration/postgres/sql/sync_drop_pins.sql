-- In the message's own channel: one whose id is used again elsewhere is buried from there.
DELETE FROM pinned_message p
USING stage_sync_scope c JOIN message m ON m.app_id = %(app)s AND m.id = c.id
JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE p.app_id = %(app)s AND p.channel_id = m.channel_id AND p.message_id = c.id
  AND chatsdk_migration.item_digest('pin', p.pinned_by, NULL, p.pinned_at) = ANY (b.items)
  AND NOT EXISTS (SELECT FROM stage_sync_item i WHERE i.message_id = p.message_id
                  AND i.digest = chatsdk_migration.item_digest('pin', p.pinned_by, NULL, p.pinned_at))
