SELECT s.stream_cid, s.cid, c.id::text
FROM arriving_channel s
LEFT JOIN channel c ON c.app_id = %(app)s AND c.cid = s.cid
WHERE NOT EXISTS (SELECT FROM channel o WHERE o.app_id = %(app)s AND o.id = s.id)
ORDER BY s.stream_cid
