-- Where the server keeps its data, for roles that may know.
SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') OR current_setting('is_superuser') = 'on'
            THEN current_setting('data_directory') END
