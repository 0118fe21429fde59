INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT %(app)s::uuid, %(cid)s, s.entity, s.kind, place.stream_id, sum(s.occurrences),
       min(CASE WHEN place.stream_id = '' AND s.stream_id <> '' THEN s.stream_id || ': ' || s.detail ELSE s.detail END)
FROM stage_loss s
CROSS JOIN LATERAL (SELECT CASE WHEN s.kind = ANY (%(summed)s) THEN '' ELSE s.stream_id END) place (stream_id)
WHERE s.entity = ANY (%(entities)s)
GROUP BY s.entity, s.kind, place.stream_id
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO UPDATE SET occurrences = excluded.occurrences, detail = excluded.detail
