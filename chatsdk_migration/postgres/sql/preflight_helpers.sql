-- Schemas whose functions the policies of row-level security call, where this role may not look.
SELECT DISTINCT n.nspname::text FROM pg_namespace n
JOIN pg_proc p ON p.pronamespace = n.oid
WHERE p.proname IN ('current_app_id', 'is_system_context') AND NOT has_schema_privilege(n.oid, 'USAGE')
