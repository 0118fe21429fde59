UPDATE chatsdk_migration.quarantine q
SET replayed_at = now(), record_key = one.record_key
FROM unnest(%(ids)s::bigint[], %(keys)s::text[]) AS one (id, record_key)
WHERE q.app_id = %(app)s AND q.id = one.id AND q.replayed_at IS NULL AND q.discarded_at IS NULL
