WITH missing AS MATERIALIZED (
    SELECT person.user_id FROM (SELECT DISTINCT user_id FROM stage_reaction) person
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = person.user_id) IS NULL
), rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record)
    SELECT 'reaction', s.message_id::text, 'missing_user', 'The person who reacted is not among the app''s users.', to_jsonb(s)
    FROM stage_reaction s
    WHERE s.user_id IN (SELECT user_id FROM missing)
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
