-- Locked before counting: a live reply in flight adds itself to our number afterwards.
SELECT count(*) FROM (
    SELECT FROM message WHERE app_id = %(app)s AND id = ANY (%(parents)s) ORDER BY id FOR NO KEY UPDATE
) held
