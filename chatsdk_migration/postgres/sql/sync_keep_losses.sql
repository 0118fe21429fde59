-- Losses of what was read again, listed one by one; the sums of a channel are those of its last full reading.
INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT DISTINCT ON (s.entity, s.kind, s.stream_id) %(app)s::uuid, %(cid)s, s.entity, s.kind, s.stream_id, s.occurrences, s.detail
FROM stage_loss s WHERE NOT s.kind = ANY (%(summed)s) AND s.stream_id <> ''
ORDER BY s.entity, s.kind, s.stream_id
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
