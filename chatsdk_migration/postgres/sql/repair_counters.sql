UPDATE channel c
SET message_count = held.messages, member_count = members.rows,
    last_message_at = greatest(c.last_message_at, held.newest)
FROM (
    SELECT count(*) AS messages, max(created_at) AS newest FROM message
    WHERE app_id = %(app)s AND channel_id = %(channel)s
) held
CROSS JOIN (SELECT count(*) AS rows FROM channel_member WHERE app_id = %(app)s AND channel_id = %(channel)s) members
WHERE c.app_id = %(app)s AND c.id = %(channel)s
