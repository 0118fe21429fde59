SELECT n.nspname, c.relname, p.privilege
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS p (privilege)
WHERE c.oid = ANY (%(tables)s::oid[]) AND NOT has_table_privilege(c.oid, p.privilege)
