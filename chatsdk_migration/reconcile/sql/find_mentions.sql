INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person, item)
WITH wanted AS (
    SELECT DISTINCT ON (s.id) s.* FROM stage_mention s
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    -- who is no member gets none: it would show them the text
    WHERE EXISTS (SELECT FROM channel_member c
                  WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.mentioned_user_id)
       OR EXISTS (SELECT FROM mention n WHERE n.app_id = %(app)s AND n.id = s.id)
    ORDER BY s.id
), there AS (
    SELECT n.id, n.message_id, n.mentioned_user_id, n.mentioner_user_id, n.created_at
    FROM stage_verify_message v
    CROSS JOIN LATERAL (SELECT * FROM mention n WHERE n.message_id = v.id OFFSET 0) n
    -- By message alone: beside the app, statistics that lag behind choose to read all of the app each time.
    WHERE n.app_id = %(app)s AND v.wanted AND v.there
)
SELECT 'mentions', CASE WHEN t.id IS NULL THEN 'missing' WHEN w.id IS NULL THEN 'extra' ELSE 'different' END,
       v.stream_id, v.id::text, f.field, f.expected, f.found,
       CASE WHEN t.created_at >= v.loaded_at OR v.edited_live OR v.deleted_live THEN 'live' END,
       coalesce(w.mentioned_user_id, t.mentioned_user_id), coalesce(w.id, t.id)::text
FROM wanted w
FULL JOIN there t ON t.id = w.id
JOIN stage_verify_message v ON v.id = coalesce(w.message_id, t.message_id)
CROSS JOIN LATERAL (
    SELECT NULL AS field, w.mentioned_user_id::text AS expected, t.mentioned_user_id::text AS found
    WHERE w.id IS NULL OR t.id IS NULL
    UNION ALL
    SELECT f.* FROM (VALUES
        ('mentioned', w.mentioned_user_id::text, t.mentioned_user_id::text),
        ('mentioned by', w.mentioner_user_id::text, t.mentioner_user_id::text),
        ('created_at', w.created_at::text, t.created_at::text)
    ) f (field, expected, found)
    WHERE w.id IS NOT NULL AND t.id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
