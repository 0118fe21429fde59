INSERT INTO channel_member (channel_id, app_id, user_id, role, muted, joined_at, unread_count, last_read_seq)
SELECT DISTINCT ON (s.user_id) %(channel)s::uuid, %(app)s::uuid, s.user_id, s.role, s.muted, s.joined_at, coalesce(s.unread_count, 0), 0
FROM stage_verify_found f
JOIN stage_member s ON s.user_id = f.person
JOIN app_user u ON u.app_id = %(app)s AND u.id = s.user_id
WHERE f.category = 'members' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.user_id
ON CONFLICT (channel_id, app_id, user_id) DO NOTHING
