-- Polls of messages that arrived without them; a message's own poll came with it.
INSERT INTO poll (id, app_id, message_id, question, options, is_anonymous, is_multi_choice, total_votes, ends_at,
                  created_by, created_at)
SELECT DISTINCT ON (s.id) s.id, %(app)s::uuid, s.message_id, s.question, s.options, s.is_anonymous, s.is_multi_choice,
       s.total_votes, s.ends_at, s.created_by, s.created_at
FROM stage_poll s
JOIN message m ON m.app_id = %(app)s AND m.id = s.message_id AND m.channel_id = %(channel)s
WHERE m.poll_id IS NULL AND m.deleted_at IS NULL
  AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.created_by) IS NOT NULL
ORDER BY s.id
ON CONFLICT (id) DO NOTHING
