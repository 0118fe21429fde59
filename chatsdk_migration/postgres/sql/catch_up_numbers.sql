-- A counter that lags behind the messages would give out numbers twice; it is put right before we take any.
INSERT INTO channel_seq AS c (channel_id, app_id, current_seq)
SELECT %(channel)s::uuid, %(app)s::uuid, coalesce(max(m.seq), 0)
FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
ON CONFLICT (channel_id) DO UPDATE SET current_seq = excluded.current_seq
WHERE coalesce(c.current_seq, 0) < excluded.current_seq
