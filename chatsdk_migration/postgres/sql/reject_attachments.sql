-- Mentions, pins and votes of people who are not users; those on messages that were not carried went with them.
WITH missing AS MATERIALIZED (
    SELECT one.entity, one.id, one.user_id, one.message_id, one.record
    FROM (
        SELECT 'mention' AS entity, s.message_id AS id, s.mentioned_user_id AS user_id, s.message_id, to_jsonb(s) AS record
        FROM stage_mention s
        UNION ALL SELECT 'pin', s.message_id, s.pinned_by, s.message_id, to_jsonb(s) FROM stage_pin s
        UNION ALL SELECT 'vote', s.poll_id, s.user_id,
                         (SELECT m.id FROM stage_message m WHERE m.poll_id = s.poll_id LIMIT 1), to_jsonb(s)
        FROM stage_vote s
        WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NULL
    ) one
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = one.user_id) IS NULL
), names AS MATERIALIZED (
    SELECT DISTINCT ON (m.id) m.id, m.stream_id FROM stage_message m WHERE m.id IN (SELECT message_id FROM missing)
), named AS (
    SELECT missing.*, coalesce(name.stream_id, '') AS message_stream_id,
           CASE WHEN missing.entity = 'vote' THEN missing.id::text ELSE coalesce(name.stream_id, missing.id::text) END AS stream_id
    FROM missing LEFT JOIN names name ON name.id = missing.message_id
), rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record, message_stream_id, record_key, mapped)
    SELECT entity, stream_id, 'missing_user', 'The person is not among the app''s users.', record, message_stream_id,
           CASE WHEN entity = 'pin' THEN stream_id
                ELSE concat_ws(' / ', stream_id, user_id, record->>'option_id') END, true
    FROM named
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
