-- Channels whose counters are not what the live server would have left, with the wrong ones. Its trigger adds one for each
-- row inserted and takes nothing off: the right number is that of the rows, tombstones and replies included; rows that
-- ChatSDK purged since may still be in it.
WITH held AS (
    SELECT channel_id, count(*) AS messages, max(created_at) AS newest, max(seq) AS seq FROM message
    WHERE app_id = %(app)s GROUP BY channel_id
), mapped AS (
    SELECT k.channel_id, count(*) AS purged FROM chatsdk_migration.message_map k
    WHERE k.app_id = %(app)s AND k.removed_at IS NULL
      AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = k.message_id)
    GROUP BY k.channel_id
), members AS (
    SELECT channel_id, count(*) AS rows FROM channel_member WHERE app_id = %(app)s GROUP BY channel_id
)
SELECT x.cid, c.id, array_agg(f.field)
FROM chatsdk_migration.channel_map x
JOIN channel c ON c.app_id = %(app)s AND c.id = x.channel_id
LEFT JOIN channel_seq q ON q.app_id = %(app)s AND q.channel_id = c.id
LEFT JOIN held h ON h.channel_id = c.id
LEFT JOIN mapped k ON k.channel_id = c.id
LEFT JOIN members e ON e.channel_id = c.id
CROSS JOIN LATERAL (VALUES
    ('message_count',
     coalesce(c.message_count, 0) BETWEEN coalesce(h.messages, 0) AND coalesce(h.messages, 0) + coalesce(k.purged, 0)),
    ('member_count', coalesce(c.member_count, 0) = coalesce(e.rows, 0)),
    ('last_message_at',
     c.last_message_at IS NOT DISTINCT FROM h.newest OR (coalesce(k.purged, 0) > 0 AND c.last_message_at >= h.newest)),
    ('current_seq', coalesce(q.current_seq, 0) >= coalesce(h.seq, 0))
) f (field, fits)
WHERE x.app_id = %(app)s AND f.fits IS NOT TRUE
GROUP BY x.cid, c.id ORDER BY x.cid
