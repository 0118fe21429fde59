-- What is summed up has the id in its detail; what is listed one by one, beside it.
SELECT entity, kind, sum(occurrences)::bigint, min(nullif(cid, '')),
       min(CASE WHEN stream_id = '' THEN detail ELSE concat_ws(': ', stream_id, nullif(detail, '')) END)
FROM chatsdk_migration.loss
WHERE app_id = %(app)s AND (%(cid)s::text IS NULL OR cid = %(cid)s)
GROUP BY entity, kind ORDER BY entity, kind
