UPDATE poll SET message_id = first.message_id
FROM (
    SELECT DISTINCT ON (poll_id) poll_id, id AS message_id FROM stage_plan
    WHERE rank > %(after)s AND rank <= %(upto)s AND poll_id IS NOT NULL
    ORDER BY poll_id, rank
) first
WHERE poll.app_id = %(app)s AND poll.id = first.poll_id AND poll.message_id IS NULL
