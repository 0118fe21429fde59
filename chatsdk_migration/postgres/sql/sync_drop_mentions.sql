-- The state of a message stays without its mention; where a load writes none for what was read, the row goes as well.
WITH dropped AS (
    DELETE FROM mention n
    USING stage_sync_scope c JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    WHERE n.app_id = %(app)s AND n.message_id = c.id
      AND chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL) = ANY (b.items)
      AND NOT EXISTS (SELECT FROM stage_sync_item i WHERE i.message_id = n.message_id
                      AND i.digest = chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL))
    RETURNING n.message_id, n.mentioned_user_id
), superfluous AS (
    DELETE FROM user_message u USING dropped d
    WHERE %(sparse)s AND u.app_id = %(app)s AND u.user_id = d.mentioned_user_id AND u.message_id = d.message_id AND u.flags = 3
), unflagged AS (
    UPDATE user_message u SET flags = u.flags & ~2 FROM dropped d
    WHERE u.app_id = %(app)s AND u.user_id = d.mentioned_user_id AND u.message_id = d.message_id AND u.flags & 2 <> 0
      AND NOT (%(sparse)s AND u.flags = 3)
)
SELECT count(*) FROM dropped
