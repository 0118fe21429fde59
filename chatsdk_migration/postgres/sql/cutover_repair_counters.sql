UPDATE channel c
SET message_count = CASE WHEN 'message_count' = ANY (%(fields)s) THEN held.rows ELSE c.message_count END,
    last_message_at = CASE WHEN 'last_message_at' = ANY (%(fields)s) THEN held.newest ELSE c.last_message_at END,
    member_count = CASE WHEN 'member_count' = ANY (%(fields)s) THEN members.rows ELSE c.member_count END
FROM (
    SELECT count(*) AS rows, max(created_at) AS newest FROM message WHERE app_id = %(app)s AND channel_id = %(channel)s
) held
CROSS JOIN (SELECT count(*) AS rows FROM channel_member WHERE app_id = %(app)s AND channel_id = %(channel)s) members
WHERE c.app_id = %(app)s AND c.id = %(channel)s
