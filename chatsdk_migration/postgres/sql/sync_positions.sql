-- As far as Stream's read time reaches among what was carried. Nothing that a person read in ChatSDK becomes unread, and
-- what live people wrote since counts as unread beside Stream's own number: by the row that the live server wrote for
-- each member, as later arrivals from Stream have higher numbers.
WITH reader AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.unread_count, s.last_read, s.reads_all,
           CASE WHEN s.reads_all THEN 'infinity'::timestamptz ELSE s.last_read END AS at
    FROM stage_member s ORDER BY s.user_id
), history AS MATERIALIZED (
    SELECT m.id, m.seq, m.user_id, m.created_at, m.deleted_at, b.message_id IS NOT NULL AS carried
    FROM message m
    LEFT JOIN chatsdk_migration.message_map b
        ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.message_id = m.id
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
), live AS MATERIALIZED (
    SELECT h.id, h.user_id FROM history h WHERE NOT h.carried AND h.deleted_at IS NULL
), line AS (
    SELECT created_at AS at, seq, NULL::text AS user_id FROM history WHERE carried
    UNION ALL
    SELECT at, NULL, user_id FROM reader WHERE at IS NOT NULL
), placed AS (
    SELECT user_id, max(seq) OVER (ORDER BY at RANGE UNBOUNDED PRECEDING) AS seq FROM line
), place AS MATERIALIZED (
    SELECT r.user_id, coalesce(p.seq, 0) AS seq,
           (SELECT m.id FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq = p.seq
            ORDER BY m.id LIMIT 1) AS message_id, r.unread_count
    FROM reader r LEFT JOIN placed p ON p.user_id = r.user_id
), wanted AS MATERIALIZED (
    SELECT c.user_id, greatest(coalesce(c.last_read_seq, 0), p.seq) AS seq,
           CASE WHEN p.seq >= coalesce(c.last_read_seq, 0) AND p.message_id IS NOT NULL THEN p.message_id
                ELSE c.last_read_message_id END AS message_id,
           CASE WHEN coalesce(c.last_read_seq, 0) > p.seq OR p.unread_count IS NULL THEN (
                    SELECT count(*) FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
                      AND m.seq > greatest(coalesce(c.last_read_seq, 0), p.seq) AND m.user_id <> c.user_id
                      AND m.deleted_at IS NULL)
                ELSE p.unread_count + (
                    SELECT count(*) FROM live l JOIN user_message u
                        ON u.app_id = %(app)s AND u.user_id = c.user_id AND u.message_id = l.id
                    WHERE l.user_id <> c.user_id AND coalesce(u.flags, 0) & 1 = 0) END AS unread
    FROM channel_member c JOIN place p ON p.user_id = c.user_id
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
