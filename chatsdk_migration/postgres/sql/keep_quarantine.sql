-- What a replay has loaded or the operator has discarded is not rejected anew when it is met again.
INSERT INTO chatsdk_migration.quarantine (app_id, entity, stream_id, cid, code, reason, record, run_id,
                                          message_stream_id, record_key, mapped)
SELECT %(app)s::uuid, s.entity, s.stream_id, %(cid)s, s.code, s.reason, s.record, %(run)s,
       s.message_stream_id, s.record_key, s.mapped
FROM stage_reject s
WHERE s.entity = ANY (%(entities)s)
  AND (s.entity, s.record_key) NOT IN (
      SELECT q.entity, q.record_key FROM chatsdk_migration.quarantine q
      WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND (q.replayed_at IS NOT NULL OR q.discarded_at IS NOT NULL)
  )
