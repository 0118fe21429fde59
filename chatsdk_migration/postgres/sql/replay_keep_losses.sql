INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT DISTINCT ON (s.kind, s.stream_id) %(app)s::uuid, %(cid)s, s.entity, s.kind, s.stream_id, s.occurrences, s.detail
FROM stage_loss s
WHERE s.entity = 'message' AND s.kind IN ('parent_not_carried', 'quote_not_carried')
ORDER BY s.kind, s.stream_id
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
