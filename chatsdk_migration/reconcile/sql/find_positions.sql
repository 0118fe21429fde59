-- As far as Stream's read time reaches among what was carried, and not past what it does not reach: a message that came
-- late has a high number and an old time. A position further on was read in ChatSDK.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person)
-- Stream lists a hundred read positions at most: somebody whose position it showed once and shows no more stands there.
WITH reader AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.joined_at, k.user_id IS NOT NULL AS kept, k.unread_count AS unread_known,
           s.unread_count,
           CASE WHEN k.user_id IS NOT NULL THEN k.last_read
                WHEN s.reads_all THEN 'infinity'::timestamptz ELSE s.last_read END AS at
    FROM stage_member s
    LEFT JOIN chatsdk_migration.read_position k
        ON k.app_id = %(app)s AND k.channel_id = %(channel)s AND k.user_id = s.user_id AND NOT k.reads_all
        AND coalesce(k.last_read > '-infinity', k.unread_count IS NOT NULL)
        AND (s.reads_all OR (s.last_read IS NULL AND s.unread_count IS NULL))
    ORDER BY s.user_id
), line AS (
    SELECT v.created_at AS at, coalesce(v.seq_loaded, v.seq) AS seq,
           CASE WHEN s.deleted_at IS NULL AND NOT v.gone AND NOT v.deleted_live THEN coalesce(v.seq_loaded, v.seq) END AS standing,
           NULL::text AS user_id
    FROM stage_verify_message v LEFT JOIN stage_message s ON s.ctid = v.line WHERE v.mapped AND NOT v.removed
      AND coalesce(v.seq_loaded, v.seq) < coalesce((SELECT min(l.seq) FROM stage_verify_message l WHERE l.live), 9223372036854775807)
    UNION ALL
    SELECT at, NULL, NULL, user_id FROM reader
), placed AS (
    SELECT user_id, at, max(seq) OVER (ORDER BY at RANGE UNBOUNDED PRECEDING) AS seq,
           min(standing) OVER (ORDER BY at DESC NULLS FIRST, user_id IS NULL RANGE UNBOUNDED PRECEDING) AS later
    FROM line
), place AS (
    SELECT p.user_id, coalesce(CASE WHEN p.later < p.seq THEN below.seq ELSE p.seq END, 0) AS seq
    FROM placed p
    LEFT JOIN LATERAL (
        SELECT max(l.seq) AS seq FROM line l WHERE p.later < p.seq AND l.seq < p.later AND l.at <= p.at
    ) below ON true
    WHERE p.user_id IS NOT NULL
), marked AS (
    SELECT p.user_id, p.seq, (SELECT v.id FROM stage_verify_message v
                              WHERE v.mapped AND coalesce(v.seq_loaded, v.seq) = p.seq ORDER BY v.id LIMIT 1) AS message_id
    FROM (SELECT DISTINCT seq FROM place) d JOIN place p USING (seq)
), live AS (
    SELECT count(*) AS messages FROM stage_verify_message v WHERE v.live
), carried AS (
    SELECT v.user_id, count(*) FILTER (WHERE s.deleted_at IS NULL) AS messages
    FROM stage_verify_message v JOIN stage_message s ON s.ctid = v.line
    WHERE v.wanted AND NOT v.quarantined GROUP BY v.user_id
)
SELECT f.category, 'different', r.user_id, r.user_id, f.field, f.expected, f.found, f.explained_by, r.user_id
FROM reader r
JOIN marked k ON k.user_id = r.user_id
JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = r.user_id
CROSS JOIN live
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.at IS NULL THEN 0 ELSE k.seq END AS seq, CASE WHEN r.at IS NOT NULL THEN k.message_id END AS message_id,
           coalesce(c.last_read_seq, 0) AS found_seq, coalesce(c.unread_count, 0) AS found_unread,
           CASE WHEN r.kept THEN coalesce(r.unread_known, c.unread_count, 0) ELSE coalesce(r.unread_count, (SELECT coalesce(sum(o.messages), 0) FROM carried o WHERE o.user_id <> r.user_id)) END AS unread
) e
CROSS JOIN LATERAL (VALUES
    ('read_positions', 'last_read_seq', e.seq::text, e.found_seq::text, CASE WHEN e.found_seq > e.seq OR (c.joined_at >= %(since)s AND c.joined_at IS DISTINCT FROM r.joined_at) THEN 'live' END),
    ('read_positions', 'last_read_message', e.message_id::text,
     CASE WHEN e.found_seq = e.seq THEN c.last_read_message_id ELSE e.message_id END::text, NULL),
    ('unread_counts', 'unread_count', e.unread::text, e.found_unread::text,
     CASE WHEN e.found_seq > e.seq OR c.joined_at >= %(since)s
               OR (e.found_unread > e.unread AND e.found_unread <= e.unread + live.messages) THEN 'live' END)
) f (category, field, expected, found, explained_by)
WHERE f.expected IS DISTINCT FROM f.found
