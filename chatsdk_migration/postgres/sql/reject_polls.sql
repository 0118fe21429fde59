WITH removed AS (
    DELETE FROM stage_poll s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.created_by) IS NULL
    RETURNING s.*
), names AS MATERIALIZED (
    SELECT DISTINCT ON (m.id) m.id, m.stream_id FROM stage_message m WHERE m.id IN (SELECT r.message_id FROM removed r)
), rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record, message_stream_id, record_key, mapped)
    SELECT 'poll', r.id::text, 'missing_user', 'The creator of the poll is not among the app''s users.', to_jsonb(r),
           coalesce(name.stream_id, ''), r.id::text, true
    FROM removed r
    LEFT JOIN names name ON name.id = r.message_id
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
