-- What insert_user_messages writes message by message, for one member who arrives after the messages.
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT c.user_id, %(app)s::uuid, m.id, state.read + state.mentioned
FROM channel_member c
JOIN chatsdk_migration.message_map k ON k.app_id = %(app)s AND k.channel_id = %(channel)s
JOIN message m ON m.app_id = %(app)s AND m.id = k.message_id AND m.channel_id = %(channel)s
LEFT JOIN chatsdk_migration.read_position r
    ON r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = c.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN coalesce(r.reads_all, true) OR m.created_at <= r.last_read OR m.user_id = c.user_id
                THEN 1 ELSE 0 END AS read,
           CASE WHEN EXISTS (SELECT FROM mention n WHERE n.app_id = %(app)s AND n.message_id = m.id
                             AND n.mentioned_user_id = c.user_id) THEN 2 ELSE 0 END AS mentioned
) state
WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = %(user)s
  AND (%(everything)s OR state.read = 0 OR state.mentioned = 2)
ON CONFLICT (app_id, user_id, message_id) DO NOTHING
