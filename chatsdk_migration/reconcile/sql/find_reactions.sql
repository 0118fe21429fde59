-- Only on messages that both sides have: what hangs on a missing message is missing with it.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person, item)
WITH wanted AS (
    SELECT DISTINCT ON (s.message_id, s.user_id, s.emoji) s.message_id, s.user_id, s.emoji, s.created_at
    FROM stage_reaction s JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    ORDER BY s.message_id, s.user_id, s.emoji, s.created_at
), there AS (
    SELECT r.message_id, r.user_id, r.emoji, r.created_at
    FROM stage_verify_message v
    CROSS JOIN LATERAL (
        SELECT * FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = v.id OFFSET 0
    ) r
    WHERE v.wanted AND v.there
)
SELECT 'reactions', CASE WHEN t.user_id IS NULL THEN 'missing' WHEN w.user_id IS NULL THEN 'extra' ELSE 'different' END,
       v.stream_id, v.id::text, CASE WHEN t.user_id IS NOT NULL AND w.user_id IS NOT NULL THEN 'created_at' END,
       w.user_id || ' ' || w.emoji || CASE WHEN t.user_id IS NULL THEN '' ELSE ' ' || w.created_at END,
       t.user_id || ' ' || t.emoji || CASE WHEN w.user_id IS NULL THEN '' ELSE ' ' || t.created_at END,
       CASE WHEN t.created_at >= v.loaded_at THEN 'live' END, coalesce(w.user_id, t.user_id), coalesce(w.emoji, t.emoji)
FROM wanted w
FULL JOIN there t ON t.message_id = w.message_id AND t.user_id = w.user_id AND t.emoji = w.emoji
JOIN stage_verify_message v ON v.id = coalesce(w.message_id, t.message_id)
WHERE w.created_at IS DISTINCT FROM t.created_at
