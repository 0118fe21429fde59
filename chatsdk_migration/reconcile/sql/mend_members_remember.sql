INSERT INTO chatsdk_migration.read_position
    (app_id, channel_id, user_id, last_read, reads_all, role, muted, joined_at, unread_count, loaded_at)
SELECT DISTINCT ON (s.user_id) %(app)s::uuid, %(channel)s::uuid, s.user_id, s.last_read, s.reads_all, s.role, s.muted, s.joined_at,
       s.unread_count, now()
FROM stage_verify_found f JOIN stage_member s ON s.user_id = f.person
WHERE f.category = 'members' AND f.explained_by IS NULL
ORDER BY s.user_id
ON CONFLICT (app_id, channel_id, user_id) DO UPDATE
SET last_read = excluded.last_read, reads_all = excluded.reads_all, role = excluded.role, muted = excluded.muted,
    joined_at = excluded.joined_at, unread_count = excluded.unread_count
