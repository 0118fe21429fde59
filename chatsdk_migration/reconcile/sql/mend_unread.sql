UPDATE channel_member c SET unread_count = f.expected::integer
FROM stage_verify_found f
WHERE f.category = 'unread_counts' AND f.explained_by IS NULL AND c.app_id = %(app)s AND c.channel_id = %(channel)s
  AND c.user_id = f.person AND coalesce(c.unread_count, 0)::text = f.found
