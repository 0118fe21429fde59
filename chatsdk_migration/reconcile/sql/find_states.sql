-- Everyone's state of each message, as the rules of the load want it: for members who were there when it was loaded.
-- All of one person's rows are taken in one pass over the primary key, which is in the order of message ids. Rows that
-- are not there are looked for only among people who have fewer than there are messages.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, item)
WITH mentioned AS MATERIALIZED (
    SELECT message_id, array_agg(DISTINCT mentioned_user_id) AS people FROM stage_mention GROUP BY message_id
), message AS MATERIALIZED (
    SELECT v.id, v.stream_id, v.user_id, v.created_at, v.loaded_at, n.people
    FROM stage_verify_message v LEFT JOIN mentioned n ON n.message_id = v.id
    WHERE v.wanted AND v.there
), reader AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY r.user_id) AS number, r.*
    FROM (
        -- whose position Stream showed once and shows no more has read as far as then
        SELECT DISTINCT ON (s.user_id) s.user_id, CASE WHEN known.yes THEN p.last_read ELSE s.last_read END AS last_read,
               s.reads_all AND NOT known.yes AS reads_all, coalesce(p.loaded_at, '-infinity') AS loaded_at
        FROM stage_member s
        JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.user_id
        LEFT JOIN chatsdk_migration.read_position p
            ON p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = s.user_id
        CROSS JOIN LATERAL (
            SELECT (s.reads_all OR (s.last_read IS NULL AND s.unread_count IS NULL)) AND NOT coalesce(p.reads_all, true)
                   AND coalesce(p.last_read > '-infinity', p.unread_count IS NOT NULL) AS yes
        ) known
        WHERE c.joined_at < %(since)s OR c.joined_at = s.joined_at
        ORDER BY s.user_id
    ) r
), there AS MATERIALIZED (
    SELECT r.number, u.message_id, u.flags
    FROM reader r
    CROSS JOIN (SELECT array_agg(m.id ORDER BY m.id) AS ids FROM message m) messages
    CROSS JOIN LATERAL (
        SELECT u.message_id, coalesce(u.flags, 0) & 3 AS flags FROM user_message u
        WHERE u.app_id = %(app)s AND u.user_id = r.user_id AND u.message_id = ANY (messages.ids) OFFSET 0
    ) u
), short AS MATERIALIZED (
    SELECT r.number FROM reader r
    LEFT JOIN (SELECT t.number, count(*) AS rows FROM there t GROUP BY t.number) held ON held.number = r.number
    WHERE coalesce(held.rows, 0) < (SELECT count(*) FROM message)
), pair AS (
    SELECT t.number, t.message_id, t.flags FROM there t
    UNION ALL
    SELECT s.number, m.id, NULL
    FROM short s CROSS JOIN message m LEFT JOIN there t ON t.number = s.number AND t.message_id = m.id
    WHERE t.number IS NULL
)
SELECT 'message_state', CASE WHEN p.flags IS NULL THEN 'missing' WHEN w.flags IS NULL THEN 'extra' ELSE 'different' END,
       m.stream_id, m.id::text, r.user_id, w.flags::text, p.flags::text,
       CASE WHEN p.flags & 1 = 1 AND p.flags & 2 = coalesce(w.flags, 1) & 2 THEN 'live' END, r.user_id
FROM pair p
JOIN reader r ON r.number = p.number
JOIN message m ON m.id = p.message_id AND r.loaded_at <= m.loaded_at
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.reads_all OR m.created_at <= r.last_read OR m.user_id = r.user_id THEN 1 ELSE 0 END AS read,
           CASE WHEN r.user_id = ANY (m.people) THEN 2 ELSE 0 END AS mentioned
) e
CROSS JOIN LATERAL (
    SELECT CASE WHEN %(everything)s OR e.read = 0 OR e.mentioned = 2 THEN e.read + e.mentioned END AS flags
) w
WHERE p.flags IS DISTINCT FROM w.flags
