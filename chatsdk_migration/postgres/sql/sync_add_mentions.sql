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
    UPDATE user_message u SET flags = coalesce(u.flags, 0) | 2 FROM added a
    WHERE u.app_id = %(app)s AND u.user_id = a.mentioned_user_id AND u.message_id = a.message_id AND coalesce(u.flags, 0) & 2 = 0
)
SELECT count(*) FROM added
