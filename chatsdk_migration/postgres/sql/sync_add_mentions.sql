-- Beside each goes the state of the message, read or not as a load would have it, where such rows are written; a load
-- writes none for what was read and mentions nobody.
WITH added AS (
    INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.mentioned_user_id, s.mentioner_user_id, s.created_at
    FROM stage_mention s
    JOIN stage_sync_scope c ON c.id = s.message_id
    LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    WHERE EXISTS (SELECT FROM channel_member r
                  WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = s.mentioned_user_id)
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioner_user_id) IS NOT NULL
      AND NOT chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL) = ANY (coalesce(b.items, '{}'))
    ORDER BY s.id
    ON CONFLICT (id) DO NOTHING
    RETURNING message_id, mentioned_user_id
), flagged AS (
    INSERT INTO user_message AS u (user_id, app_id, message_id, flags)
    SELECT a.mentioned_user_id, %(app)s::uuid, a.message_id, 2 + CASE
        WHEN coalesce(r.reads_all, true) OR m.created_at <= r.last_read OR m.user_id = a.mentioned_user_id THEN 1 ELSE 0 END
    FROM added a
    CROSS JOIN LATERAL (SELECT m.user_id, m.created_at FROM message m WHERE m.app_id = %(app)s AND m.id = a.message_id LIMIT 1) m
    LEFT JOIN chatsdk_migration.read_position r
        ON r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = a.mentioned_user_id
    WHERE %(states)s OR EXISTS (SELECT FROM user_message o WHERE o.app_id = %(app)s AND o.user_id = a.mentioned_user_id
                                AND o.message_id = a.message_id)
    ORDER BY a.mentioned_user_id, a.message_id
    ON CONFLICT (app_id, user_id, message_id) DO UPDATE SET flags = coalesce(u.flags, 0) | 2 WHERE coalesce(u.flags, 0) & 2 = 0
)
SELECT count(*) FROM added
