WITH rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record, message_stream_id, record_key, mapped)
    SELECT 'member', s.user_id, 'missing_user', 'The member is not among the app''s users.', to_jsonb(s), '', s.user_id, true
    FROM stage_member s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NULL
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
