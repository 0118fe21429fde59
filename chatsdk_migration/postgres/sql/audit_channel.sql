-- One snapshot: whoever changes rows and counters together is seen entirely or not at all.
SELECT coalesce(c.message_count, 0) = held.messages AND coalesce(c.member_count, 0) = members.rows
           AND (held.newest IS NULL OR c.last_message_at >= held.newest),
       coalesce(q.current_seq, 0) >= coalesce(held.seq, 0)
FROM channel c
LEFT JOIN channel_seq q ON q.app_id = %(app)s AND q.channel_id = c.id
CROSS JOIN (
    SELECT count(*) AS messages, max(seq) AS seq, max(created_at) AS newest FROM message
    WHERE app_id = %(app)s AND channel_id = %(channel)s
) held
CROSS JOIN (SELECT count(*) AS rows FROM channel_member WHERE app_id = %(app)s AND channel_id = %(channel)s) members
WHERE c.app_id = %(app)s AND c.id = %(channel)s
