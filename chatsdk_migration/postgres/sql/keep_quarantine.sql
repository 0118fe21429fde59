INSERT INTO chatsdk_migration.quarantine (app_id, entity, stream_id, cid, code, reason, record, run_id)
SELECT %(app)s::uuid, s.entity, s.stream_id, %(cid)s, s.code, s.reason, s.record, %(run)s
FROM stage_reject s
WHERE s.entity = ANY (%(entities)s)
