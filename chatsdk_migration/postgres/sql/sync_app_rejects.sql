-- What was rejected of these records before is settled; what is rejected again keeps its number, as Stream has it now.
WITH again AS (
    UPDATE chatsdk_migration.quarantine q SET code = f.code, reason = f.reason, record = f.record, mapped = f.mapped
    FROM unnest(%(entities)s::text[], %(keys)s::text[], %(codes)s::text[], %(reasons)s::text[], %(records)s::jsonb[],
                %(mapped)s::boolean[]) AS f (entity, record_key, code, reason, record, mapped)
    WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.replayed_at IS NULL AND q.discarded_at IS NULL
      AND q.entity = f.entity AND q.record_key = f.record_key
      AND (q.code, q.reason, q.record, q.mapped) IS DISTINCT FROM (f.code, f.reason, f.record, f.mapped)
)
DELETE FROM chatsdk_migration.quarantine q
WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.replayed_at IS NULL AND q.discarded_at IS NULL
  AND (q.entity, q.record_key) IN (SELECT e, k FROM unnest(%(fine)s::text[], %(ids)s::text[]) AS carried (e, k))
