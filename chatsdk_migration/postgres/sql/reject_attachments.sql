-- Mentions, pins and votes of people who are not users; those on messages that were not carried went with them.
WITH rejected AS (
    INSERT INTO stage_reject (entity, stream_id, code, reason, record)
    SELECT one.entity, one.stream_id, 'missing_user', 'The person is not among the app''s users.', one.record
    FROM (
        SELECT 'mention' AS entity, s.message_id::text AS stream_id, s.mentioned_user_id AS user_id, to_jsonb(s) AS record
        FROM stage_mention s
        UNION ALL SELECT 'pin', s.message_id::text, s.pinned_by, to_jsonb(s) FROM stage_pin s
        UNION ALL SELECT 'vote', s.poll_id::text, s.user_id, to_jsonb(s) FROM stage_vote s
    ) one
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = one.user_id) IS NULL
    RETURNING entity
)
SELECT entity, count(*) FROM rejected GROUP BY entity
