-- What was rejected of messages read again, and is not rejected now, was mended or taken away in Stream.
DELETE FROM chatsdk_migration.quarantine q
WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.entity = ANY (%(entities)s)
  AND q.replayed_at IS NULL AND q.discarded_at IS NULL AND q.code <> 'stream_id_reused'
  AND coalesce(nullif(q.message_stream_id, ''), q.stream_id)
      IN (SELECT stream_id FROM stage_message UNION SELECT stream_id FROM stage_sync_sought)
  AND coalesce(nullif(q.message_stream_id, ''), q.stream_id) NOT IN (SELECT stream_id FROM stage_sync_partial)
  AND (q.entity, q.record_key) NOT IN (SELECT r.entity, r.record_key FROM stage_reject r)
