-- Inside one transaction of a load, later messages have higher numbers.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
WITH loaded AS (
    SELECT k.channel_id, k.stream_id, k.message_id, m.created_at,
           max(m.created_at) OVER (PARTITION BY k.channel_id, k.loaded_at ORDER BY k.rank
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM chatsdk_migration.message_map k JOIN message m ON m.app_id = %(app)s AND m.id = k.message_id
    WHERE k.app_id = %(app)s AND k.rank IS NOT NULL AND k.given_seq IS NULL
)
SELECT 'integrity', 'different', c.cid, l.stream_id, l.message_id::text, 'order', 'after ' || l.before, l.created_at::text
FROM loaded l LEFT JOIN chatsdk_migration.channel_map c ON c.app_id = %(app)s AND c.channel_id = l.channel_id
WHERE l.created_at < l.before
