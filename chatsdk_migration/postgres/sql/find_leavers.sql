-- Carried once, as carried still, and no longer a member in Stream; and whether the role may take them out.
SELECT coalesce(array_agg(c.user_id::text), '{}'), has_table_privilege(to_regclass('channel_member'), 'DELETE')
FROM chatsdk_migration.read_position b
JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = b.user_id
WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s
  AND c.role = b.role AND c.joined_at = b.joined_at
  AND NOT EXISTS (SELECT FROM stage_member s WHERE s.user_id = b.user_id)
  AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.entity = 'member' AND r.stream_id = b.user_id)
