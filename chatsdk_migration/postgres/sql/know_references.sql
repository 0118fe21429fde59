-- Parents and quoted messages that an earlier load of this channel carried and this one did not read.
WITH wanted AS MATERIALIZED (
    SELECT stream_id,
           (SELECT k.message_id FROM chatsdk_migration.message_map k
            WHERE k.app_id = %(app)s AND k.stream_id = r.stream_id) AS id
    FROM (
        SELECT parent_stream_id AS stream_id FROM stage_message WHERE parent_stream_id IS NOT NULL
        UNION SELECT quoted_stream_id FROM stage_message WHERE quoted_stream_id IS NOT NULL
    ) r
    WHERE NOT EXISTS (SELECT FROM stage_known n WHERE n.stream_id = r.stream_id)
)
INSERT INTO stage_known (stream_id, id, rank, present, line)
SELECT stream_id, id, NULL::bigint, true, NULL::tid
FROM wanted w
WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = w.id) = %(channel)s
