-- Members only: the list of mentions would show the text to people who cannot open the channel.
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.*, chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL) AS digest
    FROM stage_mention s
    WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
      AND EXISTS (SELECT FROM channel_member c
                  WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.mentioned_user_id)
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioner_user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = s.message_id
                      AND chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL) = ANY (b.items))
    ORDER BY s.id
), inserted AS (
    INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT id, message_id, %(app)s::uuid, mentioned_user_id, mentioner_user_id, created_at FROM fresh ORDER BY id
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM fresh GROUP BY message_id
ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
