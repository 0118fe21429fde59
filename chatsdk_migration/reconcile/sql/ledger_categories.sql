-- What hung on a channel's messages when its load ended, by number and digest; people's own came after the first load.
-- What went with a channel that somebody here deleted is named once, with the channel.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
WITH there AS (
    SELECT m.channel_id, h.category, count(*) AS rows, bit_xor(h.digest) AS digest
    FROM chatsdk_migration.channel_map c
    JOIN message m ON m.app_id = %(app)s AND m.channel_id = c.channel_id
    CROSS JOIN LATERAL (
        SELECT 'reactions' AS category, hash_record_extended(ROW (r.message_id, r.user_id::text, r.emoji::text, r.created_at), 0) AS digest
        FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = m.id AND r.created_at < c.mapped_at
        UNION ALL
        SELECT 'mentions', hash_record_extended(ROW (n.id, n.message_id, n.mentioned_user_id::text, n.created_at), 0)
        FROM mention n WHERE n.app_id = %(app)s AND n.message_id = m.id AND n.created_at < c.mapped_at
        UNION ALL
        SELECT 'pins', hash_record_extended(ROW (p.message_id, p.pinned_by::text, p.pinned_at), 0)
        FROM pinned_message p
        WHERE p.app_id = %(app)s AND p.channel_id = c.channel_id AND p.message_id = m.id AND p.pinned_at < c.mapped_at
        UNION ALL
        SELECT 'votes', hash_record_extended(ROW (v.poll_id, v.user_id::text, v.option_id::text, v.voted_at), 0)
        FROM poll_vote v WHERE v.app_id = %(app)s AND v.poll_id = m.poll_id AND v.voted_at < c.mapped_at
    ) h
    WHERE c.app_id = %(app)s AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
    GROUP BY m.channel_id, h.category
)
SELECT l.category, 'different', c.cid, c.cid, c.channel_id::text,
       CASE WHEN l.rows = coalesce(t.rows, 0) THEN 'digest' ELSE 'number' END, l.rows::text, coalesce(t.rows, 0)::text
FROM chatsdk_migration.channel_load l
JOIN chatsdk_migration.channel_map c ON c.app_id = l.app_id AND c.channel_id = l.channel_id
LEFT JOIN there t ON t.channel_id = l.channel_id AND t.category = l.category
WHERE l.app_id = %(app)s AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
  AND NOT ((c.gone_at IS NOT NULL
            OR EXISTS (SELECT FROM chatsdk_migration.conflict d WHERE d.app_id = %(app)s AND d.cid = c.cid
                       AND d.entity = 'channel' AND d.what LIKE '%% deleted in ChatSDK'))
           AND NOT EXISTS (SELECT FROM channel h WHERE h.app_id = %(app)s AND h.id = c.channel_id))
  AND (l.rows, l.digest) IS DISTINCT FROM (coalesce(t.rows, 0), coalesce(t.digest, 0))
