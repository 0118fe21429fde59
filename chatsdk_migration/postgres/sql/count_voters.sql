-- total_votes counts the people who voted, late ones and those of the live server alike.
UPDATE poll p SET total_votes = counted.voters
FROM (
    SELECT v.poll_id, count(DISTINCT v.user_id)::integer AS voters FROM poll_vote v
    WHERE v.app_id = %(app)s AND v.poll_id IN (SELECT s.poll_id FROM stage_vote s)
    GROUP BY v.poll_id
) counted
WHERE p.app_id = %(app)s AND p.id = counted.poll_id AND p.total_votes IS DISTINCT FROM counted.voters
