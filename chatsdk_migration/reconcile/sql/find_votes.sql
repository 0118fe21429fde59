INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person, item)
WITH polls AS (
    SELECT DISTINCT ON (s.id) s.id, v.stream_id, v.loaded_at FROM stage_poll s
    JOIN stage_verify_message v ON v.id = s.message_id AND v.wanted AND v.there
    WHERE (SELECT p.id FROM poll p WHERE p.app_id = %(app)s AND p.id = s.id) IS NOT NULL
    ORDER BY s.id, v.created_at, v.stream_id COLLATE "C"
), wanted AS (
    SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.* FROM stage_vote s
    WHERE s.poll_id IN (SELECT id FROM polls) ORDER BY s.poll_id, s.user_id, s.option_id, s.voted_at
), there AS (
    SELECT o.* FROM polls
    -- By poll alone: beside the app, statistics that lag behind choose to read all of the app each time.
    CROSS JOIN LATERAL (SELECT * FROM poll_vote o WHERE o.poll_id = polls.id OFFSET 0) o
    WHERE o.app_id = %(app)s
)
SELECT 'votes', CASE WHEN t.user_id IS NULL THEN 'missing' WHEN w.user_id IS NULL THEN 'extra' ELSE 'different' END,
       polls.stream_id, polls.id::text, CASE WHEN t.user_id IS NOT NULL AND w.user_id IS NOT NULL THEN 'voted_at' END,
       w.user_id || ' ' || w.option_id || CASE WHEN t.user_id IS NULL THEN '' ELSE ' ' || w.voted_at END,
       t.user_id || ' ' || t.option_id || CASE WHEN w.user_id IS NULL THEN '' ELSE ' ' || t.voted_at END,
       CASE WHEN t.voted_at >= polls.loaded_at THEN 'live' END, coalesce(w.user_id, t.user_id), coalesce(w.option_id, t.option_id)
FROM wanted w
FULL JOIN there t ON t.poll_id = w.poll_id AND t.user_id = w.user_id AND t.option_id = w.option_id
JOIN polls ON polls.id = coalesce(w.poll_id, t.poll_id)
WHERE w.voted_at IS DISTINCT FROM t.voted_at
