-- Bytes of this session's stage tables and those that hold or held something; NULL when they have not been created yet.
SELECT CASE WHEN to_regclass('pg_temp.stage_link') IS NOT NULL THEN coalesce(sum(t.bytes), 0)::bigint END,
       coalesce(array_agg(t.name) FILTER (WHERE t.bytes > 0), '{}')
FROM (
    SELECT c.relname::text AS name, pg_relation_size(c.oid) AS bytes FROM pg_class c
    WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r' AND c.relname LIKE 'stage\_%'
) t
