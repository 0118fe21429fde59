-- Each row is pushed to clients: nothing may announce a migrated message as new.
INSERT INTO verify_app_found (category, kind, stream_id, target_id, field, expected, found)
SELECT 'privacy', 'extra', k.stream_id, e.aggregate_id, 'event_outbox', 'no event', e.event_type
FROM event_outbox e
JOIN chatsdk_migration.message_map k ON k.app_id = e.app_id AND k.message_id::text = e.aggregate_id
WHERE e.app_id = %(app)s AND e.event_type ~* '(new|creat|sent)'
