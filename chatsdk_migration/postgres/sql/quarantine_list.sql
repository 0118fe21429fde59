SELECT id, entity, stream_id, cid, message_stream_id, code, reason, record, mapped, run_id, rejected_at, tried_at,
       replayed_at, discarded_at
FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s
  AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
  AND (%(entity)s::text IS NULL OR entity = %(entity)s)
  AND (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(cid)s::text IS NULL OR cid = %(cid)s)
  AND CASE WHEN replayed_at IS NOT NULL THEN 'replayed' WHEN discarded_at IS NOT NULL THEN 'discarded' ELSE 'open' END
      = ANY (%(states)s::text[])
ORDER BY id
LIMIT %(limit)s
