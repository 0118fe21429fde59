-- Who left is shown nothing of the channel any more: neither the state of a message nor a mention. Somebody who joins again
-- finds the mentions again.
WITH states AS (
    DELETE FROM user_message u USING message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
      AND u.app_id = m.app_id AND u.message_id = m.id AND u.user_id = ANY (%(users)s)
), mentions AS (
    DELETE FROM mention n USING message m, chatsdk_migration.carried b
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND b.app_id = m.app_id AND b.message_id = m.id
      AND n.app_id = m.app_id AND n.message_id = m.id AND n.mentioned_user_id = ANY (%(users)s)
      AND chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL) = ANY (b.items)
    RETURNING n.message_id, chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL) AS digest
)
UPDATE chatsdk_migration.carried b
SET items = ARRAY(SELECT one FROM unnest(b.items) one WHERE one NOT IN (SELECT n.digest FROM mentions n WHERE n.message_id = b.message_id))
WHERE b.app_id = %(app)s AND b.message_id IN (SELECT message_id FROM mentions)
