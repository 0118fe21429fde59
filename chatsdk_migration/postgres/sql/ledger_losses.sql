SELECT entity, kind, sum(occurrences)::bigint, min(nullif(cid, '')), min(detail)
FROM chatsdk_migration.loss
WHERE app_id = %(app)s AND (%(cid)s::text IS NULL OR cid = %(cid)s)
GROUP BY entity, kind ORDER BY entity, kind
