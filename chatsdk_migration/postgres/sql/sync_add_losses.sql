-- What new people and new channels lost; the sums of the whole app grow, what is listed one by one is there once.
INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT %(app)s::uuid, '', s.entity, s.kind, s.stream_id, sum(s.occurrences), min(s.detail)
FROM unnest(%(entities)s::text[], %(kinds)s::text[], %(ids)s::text[], %(numbers)s::bigint[], %(details)s::text[])
     AS s (entity, kind, stream_id, occurrences, detail)
GROUP BY s.entity, s.kind, s.stream_id
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO UPDATE
SET occurrences = l.occurrences + excluded.occurrences
WHERE l.stream_id = ''
