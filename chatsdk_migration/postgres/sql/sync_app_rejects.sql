-- What was rejected of these records before is settled, or found again now.
DELETE FROM chatsdk_migration.quarantine q
WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.replayed_at IS NULL AND q.discarded_at IS NULL
  AND (q.entity, q.record_key) IN (SELECT e, k FROM unnest(%(entities)s::text[], %(keys)s::text[]) AS met (e, k))
