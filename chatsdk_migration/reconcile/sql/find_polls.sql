-- A poll that several messages show belongs to the first of them.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person)
WITH wanted AS (
    SELECT DISTINCT ON (s.id) s.*, v.stream_id, v.loaded_at FROM stage_poll s
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    ORDER BY s.id, v.created_at, v.seq_loaded, v.stream_id COLLATE "C"
), there AS (
    SELECT p.* FROM stage_verify_message v
    CROSS JOIN LATERAL (SELECT * FROM poll p WHERE p.app_id = %(app)s AND p.message_id = v.id OFFSET 0) p
    WHERE v.wanted AND v.there
    UNION
    SELECT p.* FROM wanted w CROSS JOIN LATERAL (SELECT * FROM poll p WHERE p.app_id = %(app)s AND p.id = w.id OFFSET 0) p
)
SELECT 'polls', CASE WHEN t.id IS NULL THEN 'missing' WHEN w.id IS NULL THEN 'extra' ELSE 'different' END,
       coalesce(w.stream_id, (SELECT v.stream_id FROM stage_verify_message v WHERE v.id = t.message_id)),
       coalesce(w.id, t.id)::text, f.field, f.expected, f.found,
       CASE WHEN w.id IS NULL AND t.created_at >= %(since)s THEN 'live'
            WHEN w.id IS NULL AND EXISTS (SELECT FROM stage_verify_message v WHERE v.id = t.message_id AND v.deleted_live)
                THEN 'deleted_live'
            WHEN f.field = 'ends_at' AND t.ends_at >= w.loaded_at THEN 'live' END,
       w.created_by
FROM wanted w
FULL JOIN there t ON t.id = w.id
CROSS JOIN LATERAL (
    SELECT NULL AS field, w.question AS expected, t.question AS found WHERE w.id IS NULL OR t.id IS NULL
    UNION ALL
    SELECT f.* FROM (VALUES
        ('message', w.message_id::text, t.message_id::text), ('question', w.question, t.question),
        ('options', w.options::text, t.options::text), ('is_anonymous', w.is_anonymous::text, t.is_anonymous::text),
        ('is_multi_choice', w.is_multi_choice::text, t.is_multi_choice::text), ('ends_at', w.ends_at::text, t.ends_at::text),
        ('created_by', w.created_by::text, t.created_by::text), ('created_at', w.created_at::text, t.created_at::text)
    ) f (field, expected, found)
    WHERE w.id IS NOT NULL AND t.id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
