WITH missing AS MATERIALIZED (
    SELECT person.user_id FROM (SELECT DISTINCT user_id FROM stage_reaction) person
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = person.user_id) IS NULL
), names AS MATERIALIZED (
    SELECT DISTINCT ON (m.id) m.id, m.stream_id FROM stage_message m
    WHERE m.id IN (SELECT s.message_id FROM stage_reaction s WHERE s.user_id IN (SELECT user_id FROM missing))
), rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record, message_stream_id, record_key, mapped)
    SELECT 'reaction', coalesce(name.stream_id, s.message_id::text), 'missing_user',
           'The person who reacted is not among the app''s users.', to_jsonb(s), coalesce(name.stream_id, ''),
           concat_ws(' / ', coalesce(name.stream_id, s.message_id::text), s.user_id, s.emoji), true
    FROM stage_reaction s
    LEFT JOIN names name ON name.id = s.message_id
    WHERE s.user_id IN (SELECT user_id FROM missing)
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
