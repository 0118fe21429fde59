INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
SELECT DISTINCT ON (s.message_id) %(channel)s::uuid, s.message_id, %(app)s::uuid, s.pinned_by, s.pinned_at
FROM stage_pin s
WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
  AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.pinned_by) IS NOT NULL
ORDER BY s.message_id
ON CONFLICT (channel_id, message_id) DO NOTHING
