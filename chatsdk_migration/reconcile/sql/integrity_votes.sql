INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found)
SELECT 'integrity', 'different', p.question, p.id::text, 'total_votes', count(DISTINCT v.user_id)::text, coalesce(p.total_votes, 0)::text
FROM poll p LEFT JOIN poll_vote v ON v.app_id = p.app_id AND v.poll_id = p.id
WHERE p.app_id = %(app)s
GROUP BY p.id, p.question, p.total_votes
HAVING count(DISTINCT v.user_id) <> coalesce(p.total_votes, 0)
