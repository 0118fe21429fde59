-- Under the lock of the row that live senders also take: nobody else gets these numbers.
INSERT INTO channel_seq AS c (channel_id, app_id, current_seq)
VALUES (%(channel)s, %(app)s, %(rows)s)
ON CONFLICT (channel_id) DO UPDATE SET current_seq = coalesce(c.current_seq, 0) + %(rows)s
RETURNING current_seq - %(rows)s
