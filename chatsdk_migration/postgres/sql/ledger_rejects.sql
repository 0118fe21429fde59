SELECT entity, code, count(*), min(nullif(cid, '')), min(reason)
FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s AND replayed_at IS NULL AND discarded_at IS NULL AND (%(cid)s::text IS NULL OR cid = %(cid)s)
GROUP BY entity, code ORDER BY entity, code
