-- The example is the first record of each kind in the order of ids, so that two reports of one state are equal.
WITH sums AS (
    SELECT entity, kind, sum(occurrences)::bigint AS number, count(DISTINCT nullif(cid, '')) AS channels
    FROM chatsdk_migration.loss WHERE app_id = %(app)s GROUP BY entity, kind
), examples AS (
    SELECT DISTINCT ON (entity, kind) entity, kind, cid, stream_id, detail
    FROM chatsdk_migration.loss WHERE app_id = %(app)s
    ORDER BY entity, kind, cid COLLATE "C", stream_id COLLATE "C"
)
SELECT entity, kind, number, channels, cid, stream_id, detail
FROM sums JOIN examples USING (entity, kind)
ORDER BY number DESC, entity, kind
