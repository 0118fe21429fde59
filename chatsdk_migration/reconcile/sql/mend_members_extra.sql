DELETE FROM channel_member c USING stage_verify_found f
WHERE f.category = 'members' AND f.kind = 'extra' AND f.explained_by IS NULL
  AND c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = f.person
  AND (c.joined_at < %(since)s OR EXISTS (
          SELECT FROM chatsdk_migration.read_position b WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s
            AND b.user_id = c.user_id AND b.joined_at = c.joined_at))
RETURNING c.user_id
