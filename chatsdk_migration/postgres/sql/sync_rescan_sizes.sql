-- What a new reading of the recent history costs: its pages, a call for each thread and poll, pages of members.
SELECT w.cid, size.messages, size.threads, size.polls, people.members
FROM unnest(%(cids)s::text[]) AS w (cid)
JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.cid = w.cid
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE m.parent_id IS NULL) AS messages,
           count(DISTINCT coalesce(m.parent_id, CASE WHEN m.reply_count > 0 THEN m.id END)) AS threads,
           count(m.poll_id) AS polls
    FROM message m WHERE m.app_id = %(app)s AND m.channel_id = k.channel_id AND m.created_at >= %(since)s
) size
CROSS JOIN LATERAL (
    SELECT count(*) AS members FROM channel_member c WHERE c.app_id = %(app)s AND c.channel_id = k.channel_id
) people
