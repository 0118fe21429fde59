-- Polls that came to messages carried before, unless these stay as somebody here left them; those of new messages came with
-- them.
INSERT INTO poll AS p (id, message_id, app_id, question, options, is_anonymous, is_multi_choice, total_votes, ends_at, created_by, created_at)
SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.question, s.options, s.is_anonymous, s.is_multi_choice,
       s.total_votes, s.ends_at, s.created_by, s.created_at
FROM stage_poll s JOIN stage_known k ON k.id = s.message_id AND k.present AND k.line IS NOT NULL
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.created_by) IS NOT NULL
  AND NOT EXISTS (SELECT FROM stage_sync_change c WHERE c.id = s.message_id AND c.verdict = 'conflict')
ORDER BY s.id
ON CONFLICT (id) DO UPDATE SET message_id = excluded.message_id WHERE p.message_id IS NULL AND p.app_id = %(app)s
