-- What of the mentions in messages looked at now is no item of theirs is withheld: the person is no member. It is kept for
-- when they join; what a message does not mention any more is kept no longer.
WITH outside AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.* FROM stage_mention s JOIN stage_sync_scope c ON c.id = s.message_id
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioned_user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM stage_sync_item i WHERE i.message_id = s.message_id
                      AND i.digest = chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL))
    ORDER BY s.id
), forgotten AS (
    DELETE FROM chatsdk_migration.withheld_mention w USING stage_sync_scope c
    WHERE w.app_id = %(app)s AND w.channel_id = %(channel)s AND w.message_id = c.id
      AND NOT EXISTS (SELECT FROM outside o WHERE o.id = w.id)
)
INSERT INTO chatsdk_migration.withheld_mention
    (app_id, channel_id, id, message_id, mentioned_user_id, mentioner_user_id, created_at)
SELECT %(app)s::uuid, %(channel)s::uuid, o.id, o.message_id, o.mentioned_user_id, o.mentioner_user_id, o.created_at
FROM outside o
ORDER BY o.message_id, o.mentioned_user_id
ON CONFLICT (channel_id, message_id, mentioned_user_id) DO NOTHING
