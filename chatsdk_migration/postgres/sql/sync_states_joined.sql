-- What a load writes for each member and message, for people who joined since.
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT r.user_id, %(app)s::uuid, m.id, state.read + state.mentioned
FROM chatsdk_migration.read_position r
JOIN message m ON m.app_id = r.app_id AND m.channel_id = r.channel_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.reads_all OR m.created_at <= r.last_read OR m.user_id = r.user_id THEN 1 ELSE 0 END AS read,
           CASE WHEN EXISTS (SELECT FROM mention n WHERE n.app_id = m.app_id AND n.message_id = m.id
                             AND n.mentioned_user_id = r.user_id) THEN 2 ELSE 0 END AS mentioned
) state
WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = ANY (%(users)s)
  AND (%(everything)s OR state.read = 0 OR state.mentioned = 2)
ON CONFLICT (app_id, user_id, message_id) DO NOTHING
