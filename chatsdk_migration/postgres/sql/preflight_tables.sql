-- What the search path finds under each name; NULL when nothing.
SELECT wanted.name, to_regclass(wanted.name)::oid, n.nspname,
       (SELECT min(e.nspname::text) FROM pg_class x JOIN pg_namespace e ON e.oid = x.relnamespace
        WHERE x.relname = wanted.name AND x.relkind IN ('r', 'p') AND e.nspname !~ '^pg_')
FROM unnest(%(names)s::text[]) AS wanted (name)
LEFT JOIN pg_class c ON c.oid = to_regclass(wanted.name)
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
