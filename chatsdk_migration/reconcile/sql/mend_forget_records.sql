-- What a repair brought back fits what the load has on record; where it followed Stream instead, the record is forgotten, or
-- it would take that for damage. Looked up by message or poll alone, as in the record itself.
WITH there AS (
    SELECT h.category, count(*) AS rows, bit_xor(h.digest) AS digest
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
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
    GROUP BY h.category
)
DELETE FROM chatsdk_migration.channel_load l
WHERE l.app_id = %(app)s AND l.channel_id = %(channel)s
  AND NOT EXISTS (SELECT FROM there t WHERE t.category = l.category AND (t.rows, t.digest) IS NOT DISTINCT FROM (l.rows, l.digest))
  AND NOT (l.rows = 0 AND NOT EXISTS (SELECT FROM there t WHERE t.category = l.category))
