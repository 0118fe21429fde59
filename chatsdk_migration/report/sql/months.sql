-- Two accounts that share nothing: what a load read from Stream, and the rows that are there now.
WITH source AS (
    SELECT month, sum(messages)::bigint AS number
    FROM chatsdk_migration.source_month WHERE app_id = %(app)s GROUP BY month
), here AS (
    SELECT to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS number
    FROM message m JOIN chatsdk_migration.message_map map ON map.app_id = m.app_id AND map.message_id = m.id
    WHERE m.app_id = %(app)s GROUP BY 1
)
SELECT month, coalesce(source.number, 0), coalesce(here.number, 0)
FROM source FULL JOIN here USING (month) ORDER BY month
