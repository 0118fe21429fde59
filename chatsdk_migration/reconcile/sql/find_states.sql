-- Everyone's state of each message, as the rules of the load want it: for members who were there when it was loaded.
-- All of one person's rows are taken in one pass over the primary key, which is in the order of message ids.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, item)
WITH mentioned AS MATERIALIZED (
    SELECT message_id, array_agg(DISTINCT mentioned_user_id) AS people FROM stage_mention GROUP BY message_id
), reader AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.last_read, s.reads_all, p.loaded_at
    FROM stage_member s
    JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.user_id
    LEFT JOIN chatsdk_migration.read_position p
        ON p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = s.user_id
    WHERE c.joined_at < %(since)s OR c.joined_at = s.joined_at
    ORDER BY s.user_id
), there AS MATERIALIZED (
    SELECT r.user_id, u.message_id, u.flags
    FROM reader r
    CROSS JOIN (SELECT array_agg(v.id ORDER BY v.id) AS ids FROM stage_verify_message v WHERE v.wanted AND v.there) messages
    CROSS JOIN LATERAL (
        SELECT u.message_id, coalesce(u.flags, 0) & 3 AS flags FROM user_message u
        WHERE u.app_id = %(app)s AND u.user_id = r.user_id AND u.message_id = ANY (messages.ids) OFFSET 0
    ) u
)
SELECT 'message_state', CASE WHEN t.flags IS NULL THEN 'missing' WHEN w.flags IS NULL THEN 'extra' ELSE 'different' END,
       v.stream_id, v.id::text, r.user_id, w.flags::text, t.flags::text,
       CASE WHEN t.flags & 1 = 1 AND t.flags & 2 = coalesce(w.flags, 1) & 2 THEN 'live' END, r.user_id
FROM reader r
JOIN stage_verify_message v ON v.wanted AND v.there AND (r.loaded_at IS NULL OR r.loaded_at <= v.loaded_at)
LEFT JOIN mentioned n ON n.message_id = v.id
LEFT JOIN there t ON t.user_id = r.user_id AND t.message_id = v.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.reads_all OR v.created_at <= r.last_read OR v.user_id = r.user_id THEN 1 ELSE 0 END AS read,
           CASE WHEN r.user_id = ANY (n.people) THEN 2 ELSE 0 END AS mentioned
) e
CROSS JOIN LATERAL (
    SELECT CASE WHEN %(everything)s OR e.read = 0 OR e.mentioned = 2 THEN e.read + e.mentioned END AS flags
) w
WHERE t.flags IS DISTINCT FROM w.flags
