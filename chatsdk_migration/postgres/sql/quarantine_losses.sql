-- Losses of single records that arrived late, added to those of their channel.
INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT %(app)s::uuid, %(cid)s, s.entity, s.kind, s.stream_id, sum(s.occurrences), min(s.detail)
FROM unnest(%(entities)s::text[], %(kinds)s::text[], %(stream_ids)s::text[], %(numbers)s::bigint[], %(details)s::text[])
    AS s (entity, kind, stream_id, occurrences, detail)
GROUP BY s.entity, s.kind, s.stream_id
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO UPDATE
SET occurrences = excluded.occurrences + CASE WHEN l.kind = ANY (%(summed)s) THEN l.occurrences ELSE 0 END
