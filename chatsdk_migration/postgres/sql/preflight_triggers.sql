-- 'O' and 'D' are silent while session_replication_role is replica; 'A' and 'R' are not.
SELECT c.relname, t.tgname, t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgrelid = ANY (%(tables)s::oid[]) AND NOT t.tgisinternal
ORDER BY c.relname, t.tgname
