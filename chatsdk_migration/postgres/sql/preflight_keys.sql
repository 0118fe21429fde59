SELECT c.relname, i.indisprimary,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) AS k (number)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY a.attname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = ANY (%(tables)s::oid[]) AND i.indisunique AND i.indpred IS NULL
