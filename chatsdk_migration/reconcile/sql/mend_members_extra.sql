DELETE FROM channel_member c USING stage_verify_found f
WHERE f.category = 'members' AND f.kind = 'extra' AND f.explained_by IS NULL
  AND c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = f.person AND c.joined_at < %(since)s
