WITH removed AS (
    DELETE FROM stage_poll s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.created_by) IS NULL
    RETURNING s.*
), rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record)
    SELECT 'poll', r.id::text, 'missing_user', 'The creator of the poll is not among the app''s users.', to_jsonb(r)
    FROM removed r
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
