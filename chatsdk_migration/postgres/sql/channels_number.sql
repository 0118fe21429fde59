INSERT INTO channel_seq (channel_id, app_id, current_seq)
SELECT DISTINCT s.id, %(app)s::uuid, 0 FROM arriving_channel s
JOIN channel c ON c.app_id = %(app)s AND c.id = s.id
ORDER BY s.id
ON CONFLICT (channel_id) DO NOTHING
