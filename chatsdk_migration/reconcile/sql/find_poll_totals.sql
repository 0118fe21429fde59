INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found)
WITH polls AS (
    SELECT DISTINCT ON (s.id) s.id, v.stream_id, v.loaded_at FROM stage_poll s
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    ORDER BY s.id, v.created_at, v.stream_id COLLATE "C"
), counted AS (
    SELECT p.id,
           -- without the votes that people took back themselves
           count(DISTINCT o.user_id) FILTER (WHERE o.ought AND (o.there OR NOT EXISTS (
               SELECT FROM stage_verify_found f WHERE f.category = 'votes' AND f.kind = 'missing' AND f.explained_by IS NOT NULL
               AND f.target_id = p.id::text AND f.person = o.user_id))) AS kept,
           count(DISTINCT o.user_id) FILTER (WHERE o.ought) AS ought
    FROM polls p
    CROSS JOIN LATERAL (
        SELECT o.user_id, true AS there,
               o.voted_at >= p.loaded_at OR (p.id::text, o.user_id) IN (
                   SELECT f.target_id, f.person FROM stage_verify_found f
                   WHERE f.category = 'votes' AND f.kind = 'extra' AND f.explained_by IS NOT NULL) AS ought
        FROM poll_vote o
        WHERE o.app_id = %(app)s AND o.poll_id = p.id
        UNION ALL
        SELECT s.user_id, false, true FROM stage_vote s WHERE s.poll_id = p.id
    ) o
    GROUP BY p.id
)
SELECT 'counters', 'different', p.stream_id, p.id::text, 'total_votes', coalesce(n.ought, 0)::text, coalesce(t.total_votes, 0)::text
FROM polls p
JOIN poll t ON t.app_id = %(app)s AND t.id = p.id
LEFT JOIN counted n ON n.id = p.id
WHERE coalesce(t.total_votes, 0) NOT IN (coalesce(n.ought, 0), coalesce(n.kept, 0))
