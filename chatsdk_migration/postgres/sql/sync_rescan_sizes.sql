-- What a new reading of the recent history costs: its pages, and a call for each thread.
SELECT w.cid, size.messages, size.threads
FROM unnest(%(cids)s::text[]) AS w (cid)
JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.cid = w.cid
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE m.parent_id IS NULL) AS messages,
           count(DISTINCT coalesce(m.parent_id, CASE WHEN m.reply_count > 0 THEN m.id END)) AS threads
    FROM message m WHERE m.app_id = %(app)s AND m.channel_id = k.channel_id AND m.created_at >= %(since)s
) size
