UPDATE chatsdk_migration.quarantine q
SET code = one.code, reason = one.reason, tried_at = now()
FROM unnest(%(ids)s::bigint[], %(codes)s::text[], %(reasons)s::text[]) AS one (id, code, reason)
WHERE q.app_id = %(app)s AND q.id = one.id AND q.replayed_at IS NULL AND q.discarded_at IS NULL
