WITH rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record, message_stream_id, record_key, mapped)
    SELECT 'message', s.stream_id, why.code, why.reason, to_jsonb(s), '', s.stream_id, true
    FROM stage_message s
    CROSS JOIN LATERAL (
        SELECT 'missing_user', 'The author is not among the app''s users.'
        WHERE NOT EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id)
        UNION ALL
        SELECT 'id_taken', 'Another channel of the app already has a message with this id.'
        WHERE EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = s.id AND m.channel_id <> %(channel)s)
        UNION ALL
        SELECT 'stream_id_reused', 'Another message with the same Stream id, of another time, was carried.'
        LIMIT 1
    ) why (code, reason)
    WHERE NOT EXISTS (SELECT FROM stage_known k WHERE k.id = s.id)
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
