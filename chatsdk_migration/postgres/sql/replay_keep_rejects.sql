-- Parts of replayed records that were rejected in their turn, each once.
INSERT INTO chatsdk_migration.quarantine (app_id, entity, stream_id, cid, code, reason, record, run_id,
                                          message_stream_id, record_key, mapped)
SELECT DISTINCT ON (s.entity, s.record_key) %(app)s::uuid, s.entity, s.stream_id, %(cid)s, s.code, s.reason, s.record,
       %(run)s, s.message_stream_id, s.record_key, s.mapped
FROM stage_reject s
WHERE (s.entity, s.record_key) NOT IN (SELECT e, k FROM unnest(%(entities)s::text[], %(keys)s::text[]) AS own (e, k))
  AND (s.entity, s.record_key) NOT IN (
      SELECT q.entity, q.record_key FROM chatsdk_migration.quarantine q WHERE q.app_id = %(app)s AND q.cid = %(cid)s
  )
ORDER BY s.entity, s.record_key
