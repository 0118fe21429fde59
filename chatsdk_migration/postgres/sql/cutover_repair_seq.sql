-- Only upwards: a number below the newest would be given twice.
UPDATE channel_seq q SET current_seq = held.seq
FROM (SELECT max(seq) AS seq FROM message WHERE app_id = %(app)s AND channel_id = %(channel)s) held
WHERE q.app_id = %(app)s AND q.channel_id = %(channel)s AND q.current_seq < held.seq
