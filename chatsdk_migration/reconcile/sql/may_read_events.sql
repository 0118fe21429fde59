SELECT to_regclass('event_outbox') IS NULL, coalesce(has_table_privilege(to_regclass('event_outbox'), 'SELECT'), false)
