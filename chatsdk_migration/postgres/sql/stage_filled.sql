-- The stage tables of this session that hold something; NULL when they have not been created yet.
SELECT CASE WHEN to_regclass('pg_temp.stage_link') IS NOT NULL THEN ARRAY(
    SELECT c.relname::text FROM pg_class c
    WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r' AND c.relname LIKE 'stage\_%%'
      AND pg_relation_size(c.oid) > 0
) END
