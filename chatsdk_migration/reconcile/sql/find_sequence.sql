-- Over the numbers as they ought to be, so that a message that is missing or has another number is named once.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found)
WITH numbered AS (
    SELECT v.id, v.stream_id, coalesce(v.seq_loaded, v.seq) AS seq, v.mapped FROM stage_verify_message v
    WHERE v.wanted OR v.live OR v.mapped
), spaced AS (
    SELECT n.*, lag(n.seq, 1, 0::bigint) OVER (ORDER BY n.seq, n.id) AS before FROM numbered n WHERE n.seq IS NOT NULL
), last AS (
    SELECT max(n.seq) AS seq FROM numbered n WHERE n.mapped
)
SELECT 'sequence', 'different', s.stream_id, s.id::text, CASE WHEN s.seq = s.before THEN 'seq twice' ELSE 'seq gap' END,
       (s.before + 1)::text, s.seq::text
FROM spaced s CROSS JOIN last
WHERE s.seq <> s.before + 1 AND s.seq <= last.seq
