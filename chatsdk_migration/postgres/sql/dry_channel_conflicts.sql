SELECT s.stream_cid, s.cid, c.id::text
FROM unnest(%(id)s::uuid[], %(cid)s::text[], %(stream_cid)s::text[]) AS s (id, cid, stream_cid)
JOIN channel c ON c.app_id = %(app)s AND c.cid = s.cid AND c.id <> s.id
ORDER BY s.stream_cid
