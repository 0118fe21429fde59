-- As far as Stream's read time reaches, and never past what the person has not read: neither what live people wrote here
-- nor a message that came later than an older one. Nothing that a person read in ChatSDK becomes unread, and what live
-- people wrote counts as unread beside Stream's own number: by the row that the live server wrote for each member.
WITH reader AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.unread_count, s.last_read, s.reads_all,
           CASE WHEN s.reads_all THEN 'infinity'::timestamptz ELSE coalesce(s.last_read, '-infinity') END AS at
    FROM stage_member s ORDER BY s.user_id
), history AS MATERIALIZED (
    SELECT m.id, m.seq, m.user_id, m.created_at, m.deleted_at, b.message_id IS NOT NULL AS carried
    FROM message m
    LEFT JOIN chatsdk_migration.message_map b
        ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.message_id = m.id
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
), live AS MATERIALIZED (
    SELECT h.id, h.seq, h.user_id FROM history h WHERE NOT h.carried AND h.deleted_at IS NULL
), waiting AS MATERIALIZED (
    SELECT r.user_id, min(l.seq) AS seq, count(*) AS messages
    FROM live l
    JOIN reader r ON r.user_id <> l.user_id
    CROSS JOIN LATERAL (
        SELECT c.last_read_seq FROM channel_member c
        WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = r.user_id LIMIT 1
    ) c
    CROSS JOIN LATERAL (
        SELECT u.flags FROM user_message u
        WHERE u.app_id = %(app)s AND u.user_id = r.user_id AND u.message_id = l.id LIMIT 1
    ) u
    WHERE l.seq > coalesce(c.last_read_seq, 0) AND coalesce(u.flags, 0) & 1 = 0
    GROUP BY r.user_id
), line AS (
    SELECT created_at AS at, seq, CASE WHEN deleted_at IS NULL THEN seq END AS standing, NULL::text AS user_id
    FROM history WHERE carried
    UNION ALL
    SELECT at, NULL, NULL, user_id FROM reader
), placed AS (
    SELECT user_id, at, max(seq) OVER (ORDER BY at RANGE UNBOUNDED PRECEDING) AS seq,
           min(standing) OVER (ORDER BY at DESC, user_id IS NULL RANGE UNBOUNDED PRECEDING) AS later
    FROM line
), place AS MATERIALIZED (
    SELECT p.user_id, coalesce(CASE WHEN p.seq < b.seq THEN p.seq ELSE below.seq END, 0) AS seq
    FROM placed p
    LEFT JOIN waiting w ON w.user_id = p.user_id
    CROSS JOIN LATERAL (SELECT coalesce(least(p.later, w.seq), 9223372036854775807) AS seq) b
    LEFT JOIN LATERAL (
        SELECT m.seq FROM message m
        WHERE p.seq >= b.seq AND m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq < b.seq
          AND m.created_at <= p.at AND m.id NOT IN (SELECT id FROM live)
        ORDER BY m.seq DESC LIMIT 1
    ) below ON true
    WHERE p.user_id IS NOT NULL
), marked AS MATERIALIZED (
    SELECT d.seq, (SELECT m.id FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq = d.seq
                   ORDER BY m.id LIMIT 1) AS message_id
    FROM (SELECT DISTINCT seq FROM place) d
), wanted AS MATERIALIZED (
    SELECT c.user_id, greatest(coalesce(c.last_read_seq, 0), p.seq) AS seq,
           CASE WHEN p.seq >= coalesce(c.last_read_seq, 0) AND k.message_id IS NOT NULL THEN k.message_id
                ELSE c.last_read_message_id END AS message_id,
           coalesce(w.messages, 0) + CASE
               WHEN coalesce(c.last_read_seq, 0) <= p.seq AND r.unread_count IS NOT NULL THEN r.unread_count
               ELSE (SELECT count(*) FROM message m
                     WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq > coalesce(c.last_read_seq, 0)
                       AND m.created_at > r.at AND m.user_id <> c.user_id AND m.deleted_at IS NULL
                       AND m.id NOT IN (SELECT id FROM live)) END AS unread
    FROM channel_member c
    JOIN reader r ON r.user_id = c.user_id
    JOIN place p ON p.user_id = c.user_id
    JOIN marked k ON k.seq = p.seq
    LEFT JOIN waiting w ON w.user_id = c.user_id
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
), moved AS (
    UPDATE channel_member c SET last_read_seq = w.seq, last_read_message_id = w.message_id, unread_count = w.unread
    FROM wanted w
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = w.user_id
      AND (coalesce(c.last_read_seq, 0), c.last_read_message_id, coalesce(c.unread_count, 0))
          IS DISTINCT FROM (w.seq, w.message_id, w.unread::integer)
    RETURNING 1
), further AS MATERIALIZED (
    SELECT r.user_id, r.at, CASE WHEN b.reads_all THEN 'infinity'::timestamptz ELSE coalesce(b.last_read, '-infinity') END AS before
    FROM reader r JOIN chatsdk_migration.read_position b
        ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = r.user_id
    WHERE r.at > CASE WHEN b.reads_all THEN 'infinity'::timestamptz ELSE coalesce(b.last_read, '-infinity') END
), flagged AS (
    UPDATE user_message u SET flags = coalesce(u.flags, 0) | 1
    FROM further f JOIN history h ON h.created_at <= f.at AND h.created_at > f.before AND h.carried
    WHERE u.app_id = %(app)s AND u.user_id = f.user_id AND u.message_id = h.id AND coalesce(u.flags, 0) & 1 = 0
), remembered AS (
    UPDATE chatsdk_migration.read_position b
    SET last_read = r.last_read, reads_all = r.reads_all, unread_count = r.unread_count
    FROM reader r
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = r.user_id
      AND (b.last_read, b.reads_all, b.unread_count) IS DISTINCT FROM (r.last_read, r.reads_all, r.unread_count)
)
SELECT count(*) FROM moved
