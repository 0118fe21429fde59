-- Members whom no load brought and who are older than it, and roles above what the load gave; a role that a sync has
-- listed as changed on both sides was given by somebody here.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
SELECT 'privacy', CASE WHEN p.user_id IS NULL THEN 'extra' ELSE 'different' END, k.cid, m.user_id, m.user_id,
       CASE WHEN p.user_id IS NULL THEN 'member' ELSE 'role' END, p.role, m.role
FROM chatsdk_migration.channel_map k
JOIN channel_member m ON m.app_id = k.app_id AND m.channel_id = k.channel_id
LEFT JOIN chatsdk_migration.read_position p ON p.app_id = m.app_id AND p.channel_id = m.channel_id AND p.user_id = m.user_id
WHERE k.app_id = %(app)s AND m.joined_at < k.mapped_at
  AND (p.user_id IS NULL
       OR array_position(ARRAY['member', 'moderator', 'admin', 'owner'], m.role::text)
          > array_position(ARRAY['member', 'moderator', 'admin', 'owner'], p.role)
          AND NOT EXISTS (SELECT FROM chatsdk_migration.conflict c WHERE c.app_id = k.app_id AND c.cid = k.cid
                          AND c.entity = 'member' AND c.stream_id = m.user_id
                          AND (c.what LIKE 'role changed %%' OR c.what LIKE 'left in Stream%%')))
