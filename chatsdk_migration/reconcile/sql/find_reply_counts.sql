-- The live server may or may not count down when a reply is deleted there.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found)
WITH counted AS (
    SELECT v.parent_id AS id, count(*) AS replies, count(*) FILTER (WHERE v.deleted_live OR (v.live AND m.deleted_at IS NOT NULL)) AS deleted
    FROM stage_verify_message v
    LEFT JOIN message m ON m.app_id = %(app)s AND m.id = v.id AND v.live
    WHERE v.parent_id IS NOT NULL AND (v.live OR (v.wanted AND (v.there OR NOT v.quarantined)) OR (v.mapped AND v.there))
    GROUP BY v.parent_id
)
SELECT 'counters', 'different', v.stream_id, v.id::text, 'reply_count', coalesce(n.replies, 0)::text, coalesce(m.reply_count, 0)::text
FROM stage_verify_message v
JOIN message m ON m.app_id = %(app)s AND m.id = v.id
LEFT JOIN counted n ON n.id = v.id
WHERE v.there
  AND coalesce(m.reply_count, 0) NOT BETWEEN coalesce(n.replies - n.deleted, 0) AND coalesce(n.replies, 0)
