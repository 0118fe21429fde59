-- As far as Stream's read time reaches, and never past what the person has not read: neither what live people wrote here
-- nor a message that came later than an older one. A position that stands where it was placed follows Stream back too;
-- one that a person moved here goes only further. What live people wrote counts as unread beside Stream's own number: by
-- the row that the live server wrote for each member.
WITH base AS MATERIALIZED (
    SELECT b.user_id, b.last_read, b.reads_all, b.unread_count, b.placed_seq,
           CASE WHEN b.reads_all THEN 'infinity'::timestamptz ELSE coalesce(b.last_read, '-infinity') END AS at
    FROM chatsdk_migration.read_position b WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s
), stated AS (
    -- Stream lists the read state of few: whoever it does not show any more stands where it last showed them.
    SELECT DISTINCT ON (s.user_id) s.*,
           (s.reads_all OR (s.last_read IS NULL AND s.unread_count IS NULL)) AND NOT coalesce(b.reads_all, true)
           AND coalesce(b.last_read > '-infinity', b.unread_count IS NOT NULL) AS kept,
           b.last_read AS known
    FROM stage_member s LEFT JOIN base b ON b.user_id = s.user_id ORDER BY s.user_id
), reader AS MATERIALIZED (
    SELECT s.user_id, s.kept, CASE WHEN NOT s.kept THEN s.unread_count END AS unread_count, r.last_read, r.reads_all,
           CASE WHEN r.reads_all THEN 'infinity'::timestamptz ELSE coalesce(r.last_read, '-infinity') END AS at
    FROM stated s
    CROSS JOIN LATERAL (
        SELECT CASE WHEN s.kept THEN s.known ELSE s.last_read END AS last_read, s.reads_all AND NOT s.kept AS reads_all
    ) r
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
           min(standing) OVER following AS later, count(standing) OVER following AS behind
    FROM line
    WINDOW following AS (ORDER BY at DESC, user_id IS NULL RANGE UNBOUNDED PRECEDING)
), place AS MATERIALIZED (
    SELECT p.user_id, p.behind, coalesce(CASE WHEN p.seq < b.seq THEN p.seq ELSE below.seq END, 0) AS seq
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
), own AS (
    SELECT r.user_id, count(*) AS messages FROM reader r JOIN history h ON h.user_id = r.user_id AND h.created_at > r.at
    WHERE r.unread_count IS NULL AND h.carried AND h.deleted_at IS NULL GROUP BY r.user_id
), wanted AS MATERIALIZED (
    SELECT c.user_id, f.was, f.follows, CASE WHEN f.follows THEN p.seq ELSE f.was END AS seq,
           CASE WHEN f.follows AND p.seq < f.was OR p.seq >= f.was AND k.message_id IS NOT NULL THEN k.message_id
                ELSE c.last_read_message_id END AS message_id,
           coalesce(w.messages, 0) AS waiting,
           CASE WHEN f.follows OR f.was <= p.seq THEN coalesce(r.unread_count, p.behind - coalesce(o.messages, 0))
                ELSE (SELECT count(*) FROM message m
                      WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq > f.was
                        AND m.created_at > r.at AND m.user_id <> c.user_id AND m.deleted_at IS NULL
                        AND m.id NOT IN (SELECT id FROM live)) END AS unread
    FROM channel_member c
    JOIN reader r ON r.user_id = c.user_id
    JOIN place p ON p.user_id = c.user_id
    JOIN marked k ON k.seq = p.seq
    LEFT JOIN base b ON b.user_id = c.user_id
    LEFT JOIN waiting w ON w.user_id = c.user_id
    LEFT JOIN own o ON o.user_id = c.user_id
    CROSS JOIN LATERAL (
        SELECT coalesce(c.last_read_seq, 0) AS was,
               p.seq > coalesce(c.last_read_seq, 0) OR coalesce(c.last_read_seq, 0) IS NOT DISTINCT FROM b.placed_seq AS follows
    ) f
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
), moved AS (
    UPDATE channel_member c
    SET last_read_seq = w.seq, last_read_message_id = w.message_id, unread_count = w.waiting + w.unread
    FROM wanted w
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = w.user_id AND coalesce(c.last_read_seq, 0) = w.was
      AND (coalesce(c.last_read_seq, 0), c.last_read_message_id, coalesce(c.unread_count, 0))
          IS DISTINCT FROM (w.seq, w.message_id, (w.waiting + w.unread)::integer)
    RETURNING 1
), further AS MATERIALIZED (
    SELECT r.user_id, r.at, b.at AS before FROM reader r JOIN base b ON b.user_id = r.user_id WHERE r.at > b.at
), flagged AS (
    UPDATE user_message u SET flags = coalesce(u.flags, 0) | 1
    FROM further f JOIN history h ON h.created_at <= f.at AND h.created_at > f.before AND h.carried
    WHERE u.app_id = %(app)s AND u.user_id = f.user_id AND u.message_id = h.id AND coalesce(u.flags, 0) & 1 = 0
), back AS MATERIALIZED (
    -- of those who joined anew it is not known any more how far they had read
    SELECT r.user_id, r.at, CASE WHEN b.last_read = '-infinity' THEN 'infinity' ELSE b.at END AS before
    FROM reader r JOIN base b ON b.user_id = r.user_id JOIN wanted w ON w.user_id = r.user_id
    WHERE (r.at < b.at OR b.last_read = '-infinity') AND w.follows AND %(states)s
), unflagged AS (
    INSERT INTO user_message AS u (user_id, app_id, message_id, flags)
    SELECT f.user_id, %(app)s::uuid, h.id, 0
    FROM back f JOIN history h ON h.created_at > f.at AND h.created_at <= f.before AND h.carried AND h.user_id <> f.user_id
    ON CONFLICT (app_id, user_id, message_id) DO UPDATE SET flags = u.flags & ~1 WHERE u.flags & 1 = 1
), now AS (
    SELECT r.user_id, r.last_read, r.reads_all,
           CASE WHEN r.kept THEN coalesce(w.unread, b.unread_count) ELSE r.unread_count END AS unread_count,
           CASE WHEN w.follows THEN w.seq ELSE b.placed_seq END AS placed_seq
    FROM reader r JOIN base b ON b.user_id = r.user_id LEFT JOIN wanted w ON w.user_id = r.user_id
), remembered AS (
    UPDATE chatsdk_migration.read_position b
    SET last_read = n.last_read, reads_all = n.reads_all, unread_count = n.unread_count, placed_seq = n.placed_seq
    FROM now n
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = n.user_id
      AND (b.last_read, b.reads_all, b.unread_count, b.placed_seq)
          IS DISTINCT FROM (n.last_read, n.reads_all, n.unread_count, n.placed_seq)
)
SELECT count(*) FROM moved
