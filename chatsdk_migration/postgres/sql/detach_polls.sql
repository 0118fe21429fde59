-- A message whose poll cannot be carried arrives without it.
UPDATE stage_message s SET poll_id = NULL
WHERE s.poll_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM stage_poll p WHERE p.id = s.poll_id)
  AND (SELECT p.id FROM poll p WHERE p.app_id = %(app)s AND p.id = s.poll_id) IS NULL
