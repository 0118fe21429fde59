-- The list of pins would show a message deleted here without its text; the pin is remembered as if it had come.
INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
SELECT DISTINCT ON (s.message_id) %(channel)s::uuid, s.message_id, %(app)s::uuid, s.pinned_by, s.pinned_at
FROM stage_pin s
JOIN stage_sync_scope c ON c.id = s.message_id
JOIN message m ON m.app_id = %(app)s AND m.id = c.id AND m.deleted_at IS NULL
LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.pinned_by) IS NOT NULL
  AND NOT chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at) = ANY (coalesce(b.items, '{}'))
ORDER BY s.message_id
ON CONFLICT (channel_id, message_id) DO NOTHING
