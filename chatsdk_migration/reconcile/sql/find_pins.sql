INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person)
WITH wanted AS (
    SELECT DISTINCT ON (s.message_id) s.* FROM stage_pin s
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there ORDER BY s.message_id
), there AS (
    SELECT p.message_id, p.pinned_by, p.pinned_at FROM pinned_message p
    WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s
)
SELECT 'pins', CASE WHEN t.message_id IS NULL THEN 'missing' WHEN w.message_id IS NULL THEN 'extra' ELSE 'different' END,
       v.stream_id, coalesce(w.message_id, t.message_id)::text, f.field, f.expected, f.found,
       CASE WHEN t.pinned_at >= coalesce(v.loaded_at, %(since)s) OR v.deleted_live THEN 'live'
            WHEN t.message_id IS NULL AND v.stream_id IN (SELECT stream_id FROM stage_verify_expired) THEN 'expired' END, w.pinned_by
FROM wanted w
FULL JOIN there t ON t.message_id = w.message_id
LEFT JOIN stage_verify_message v ON v.id = coalesce(w.message_id, t.message_id)
CROSS JOIN LATERAL (
    SELECT NULL AS field, w.pinned_by::text AS expected, t.pinned_by::text AS found
    WHERE w.message_id IS NULL OR t.message_id IS NULL
    UNION ALL
    SELECT f.* FROM (VALUES
        ('pinned_by', w.pinned_by::text, t.pinned_by::text), ('pinned_at', w.pinned_at::text, t.pinned_at::text)
    ) f (field, expected, found)
    WHERE w.message_id IS NOT NULL AND t.message_id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
WHERE v.live IS NOT TRUE AND (w.message_id IS NULL OR t.message_id IS NULL OR f.field IS NOT NULL)
