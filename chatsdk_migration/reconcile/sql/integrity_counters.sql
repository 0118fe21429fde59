-- message_count counts what was inserted, as the server's trigger does: purged messages may still be in it.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
WITH held AS (
    SELECT channel_id, count(*) AS messages, max(created_at) AS newest, max(seq) AS seq FROM message
    WHERE app_id = %(app)s GROUP BY channel_id
), mapped AS (
    SELECT k.channel_id, count(*) FILTER (WHERE m.id IS NULL AND k.removed_at IS NULL) AS purged,
           max(coalesce(k.given_seq, k.rank + n.shift)) AS seq
    FROM chatsdk_migration.message_map k
    LEFT JOIN message m ON m.app_id = %(app)s AND m.id = k.message_id
    LEFT JOIN chatsdk_migration.numbering n
        ON n.app_id = k.app_id AND n.channel_id = k.channel_id AND n.loaded_at = k.loaded_at
    WHERE k.app_id = %(app)s GROUP BY k.channel_id
), members AS (
    SELECT channel_id, count(*) AS rows FROM channel_member WHERE app_id = %(app)s GROUP BY channel_id
)
SELECT 'integrity', 'different', x.cid, x.cid, c.id::text, f.field, f.expected, f.found
FROM chatsdk_migration.channel_map x
JOIN channel c ON c.app_id = %(app)s AND c.id = x.channel_id
LEFT JOIN channel_seq q ON q.app_id = %(app)s AND q.channel_id = c.id
LEFT JOIN held h ON h.channel_id = c.id
LEFT JOIN mapped k ON k.channel_id = c.id
LEFT JOIN members e ON e.channel_id = c.id
CROSS JOIN LATERAL (VALUES
    ('message_count', coalesce(h.messages, 0)::text, coalesce(c.message_count, 0)::text,
     coalesce(c.message_count, 0) BETWEEN coalesce(h.messages, 0) AND coalesce(h.messages, 0) + coalesce(k.purged, 0)),
    ('member_count', coalesce(e.rows, 0)::text, coalesce(c.member_count, 0)::text, coalesce(c.member_count, 0) = coalesce(e.rows, 0)),
    ('last_message_at', h.newest::text, c.last_message_at::text,
     c.last_message_at IS NOT DISTINCT FROM h.newest OR (coalesce(k.purged, 0) > 0 AND c.last_message_at >= h.newest)),
    ('current_seq', greatest(h.seq, k.seq, 0)::text, coalesce(q.current_seq, 0)::text,
     coalesce(q.current_seq, 0) = greatest(h.seq, k.seq, 0))
) f (field, expected, found, fits)
WHERE x.app_id = %(app)s AND NOT f.fits
