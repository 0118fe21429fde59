SELECT current_user::text, current_database()::text, current_setting('server_version_num')::integer,
       r.rolsuper,
       has_database_privilege(current_database(), 'TEMPORARY'),
       has_database_privilege(current_database(), 'CREATE'),
       to_regnamespace('chatsdk_migration') IS NOT NULL
FROM pg_roles r WHERE r.rolname = current_user
