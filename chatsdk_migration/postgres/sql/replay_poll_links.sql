UPDATE message m SET poll_id = p.id
FROM stage_poll s JOIN poll p ON p.app_id = %(app)s AND p.id = s.id
WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.id = s.message_id AND m.poll_id IS NULL
  AND m.deleted_at IS NULL
