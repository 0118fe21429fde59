SELECT has_table_privilege('user_message', 'UPDATE')
