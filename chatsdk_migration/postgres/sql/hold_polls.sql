-- Locked before counting: a live vote in flight adds itself to our number afterwards.
SELECT count(*) FROM (
    SELECT FROM poll WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT DISTINCT poll_id FROM stage_vote))
    ORDER BY id FOR NO KEY UPDATE
) held
