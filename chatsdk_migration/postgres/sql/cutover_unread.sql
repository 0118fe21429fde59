SELECT count(*), coalesce(sum(s.unread), 0)::bigint, coalesce(sum(c.unread_count), 0)::bigint,
       count(*) FILTER (WHERE s.unread <> coalesce(c.unread_count, 0))
FROM unnest(%(cids)s::text[], %(users)s::text[], %(unread)s::bigint[]) AS s (cid, user_id, unread)
JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.cid = s.cid
JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = k.channel_id AND c.user_id = s.user_id
