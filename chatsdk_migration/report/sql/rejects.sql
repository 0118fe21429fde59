WITH kept AS (
    SELECT * FROM chatsdk_migration.quarantine WHERE app_id = %(app)s AND replayed_at IS NULL
), sums AS (
    SELECT entity, code, count(*) AS number, count(discarded_at) AS discarded, count(DISTINCT nullif(cid, '')) AS channels
    FROM kept GROUP BY entity, code
), examples AS (
    SELECT DISTINCT ON (entity, code) entity, code, cid, stream_id FROM kept ORDER BY entity, code, id
)
SELECT entity, code, number, discarded, channels, cid, stream_id
FROM sums JOIN examples USING (entity, code)
ORDER BY number DESC, entity, code
