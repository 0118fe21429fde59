-- Numbers 1 to n, each once. A message that was purged in ChatSDK, or taken away by a repair, keeps its number.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
WITH mapped AS (
    SELECT k.channel_id, k.message_id, k.stream_id, coalesce(k.given_seq, k.rank + n.shift) AS seq
    FROM chatsdk_migration.message_map k
    LEFT JOIN chatsdk_migration.numbering n
        ON n.app_id = k.app_id AND n.channel_id = k.channel_id AND n.loaded_at = k.loaded_at
    WHERE k.app_id = %(app)s
), numbered AS (
    SELECT coalesce(m.channel_id, k.channel_id) AS channel_id, coalesce(m.id, k.message_id) AS id, k.stream_id,
           coalesce(m.seq, k.seq) AS seq, k.seq AS known
    FROM (SELECT id, channel_id, seq FROM message WHERE app_id = %(app)s) m
    FULL JOIN mapped k ON k.message_id = m.id
), spaced AS (
    SELECT n.*, lag(n.seq, 1, 0::bigint) OVER (PARTITION BY n.channel_id ORDER BY n.seq, n.id) AS before
    FROM numbered n WHERE n.seq IS NOT NULL
)
SELECT 'integrity', 'different', c.cid, s.stream_id, s.id::text,
       CASE WHEN s.known <> s.seq THEN 'seq changed' WHEN s.seq = s.before THEN 'seq twice' ELSE 'seq gap' END,
       CASE WHEN s.known <> s.seq THEN s.known ELSE s.before + 1 END::text, s.seq::text
FROM spaced s
LEFT JOIN chatsdk_migration.channel_map c ON c.app_id = %(app)s AND c.channel_id = s.channel_id
WHERE s.seq <> s.before + 1 OR s.known <> s.seq
