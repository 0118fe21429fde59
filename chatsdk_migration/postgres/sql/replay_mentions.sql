-- The state of a message for somebody whose mention arrived late; 1 is "read", 2 is "mentioned".
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT DISTINCT ON (s.mentioned_user_id, s.message_id) s.mentioned_user_id, %(app)s::uuid, s.message_id,
       2 + CASE WHEN coalesce(r.reads_all, true) OR m.created_at <= r.last_read OR m.user_id = s.mentioned_user_id
                THEN 1 ELSE 0 END
FROM stage_mention s
JOIN message m ON m.app_id = %(app)s AND m.id = s.message_id AND m.channel_id = %(channel)s
JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.mentioned_user_id
LEFT JOIN chatsdk_migration.read_position r
    ON r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = s.mentioned_user_id
ORDER BY s.mentioned_user_id, s.message_id
ON CONFLICT (app_id, user_id, message_id) DO NOTHING
