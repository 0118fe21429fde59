-- What a load writes for each member and message, for people who joined since. What live people wrote here before they
-- joined is not news to them; what they wrote after it is, whatever was read in Stream.
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT r.user_id, %(app)s::uuid, m.id, state.read + state.mentioned
FROM chatsdk_migration.read_position r
JOIN message m ON m.app_id = r.app_id AND m.channel_id = r.channel_id
LEFT JOIN LATERAL (
    SELECT true AS yes FROM chatsdk_migration.message_map k
    WHERE k.app_id = m.app_id AND k.channel_id = m.channel_id AND k.message_id = m.id LIMIT 1
) carried ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN m.user_id = r.user_id THEN 1
                WHEN carried.yes AND (r.reads_all OR m.created_at <= r.last_read) THEN 1
                WHEN carried.yes IS NULL AND m.created_at <= r.joined_at THEN 1 ELSE 0 END AS read,
           CASE WHEN EXISTS (SELECT FROM mention n WHERE n.app_id = m.app_id AND n.message_id = m.id
                             AND n.mentioned_user_id = r.user_id) THEN 2 ELSE 0 END AS mentioned
) state
WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = ANY (%(users)s)
  AND (%(everything)s OR state.read = 0 OR state.mentioned = 2)
ON CONFLICT (app_id, user_id, message_id) DO NOTHING
