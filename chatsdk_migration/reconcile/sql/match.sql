-- Who is who: Stream's messages, the map and the target's rows side by side. A row that is not in the map and not older
-- than the channel's first load was written by a person in ChatSDK. Nothing but ChatSDK's server says who deleted a
-- message, which tells a deletion there from one that Stream's people made too. That server's clock may be behind
-- PostgreSQL's, and syncs carry later edits and deletions of Stream's: either is live where the row is not as it was carried.
INSERT INTO stage_verify_message
WITH quarantined AS MATERIALIZED (
    SELECT DISTINCT q.stream_id FROM chatsdk_migration.quarantine q
    WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.entity = 'message' AND q.replayed_at IS NULL
), wanted AS MATERIALIZED (
    SELECT DISTINCT ON (s.stream_id COLLATE "C")
           s.stream_id, s.id, s.user_id, s.ctid AS line, s.created_at, s.parent_stream_id, s.quoted_stream_id, s.edited_at,
           s.deleted_at, q.stream_id IS NOT NULL AS quarantined
    FROM stage_message s LEFT JOIN quarantined q ON q.stream_id = s.stream_id
    ORDER BY s.stream_id COLLATE "C", s.created_at DESC, s.created_ns DESC, s.ctid DESC
), mapped AS MATERIALIZED (
    SELECT k.message_id AS id, k.stream_id, coalesce(k.given_seq, k.rank + n.shift) AS seq, k.loaded_at,
           k.removed_at IS NOT NULL AS removed, k.gone_at IS NOT NULL AS gone, k.row_digest, k.text_digest
    FROM chatsdk_migration.message_map k
    LEFT JOIN chatsdk_migration.numbering n
        ON n.app_id = k.app_id AND n.channel_id = k.channel_id AND n.loaded_at = k.loaded_at
    WHERE k.app_id = %(app)s AND k.channel_id = %(channel)s
), there AS (
    SELECT m.id, m.user_id, m.seq, m.created_at, m.edited_at, m.deleted_at, m.deleted_by, m.parent_id, m.reply_to_id FROM message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
)
SELECT coalesce(w.id, k.id, t.id), coalesce(w.stream_id, k.stream_id), w.line, coalesce(w.user_id, t.user_id),
       coalesce(w.created_at, t.created_at),
       CASE WHEN w.id IS NULL THEN t.parent_id ELSE coalesce(p.id, pk.id) END,
       CASE WHEN w.id IS NULL THEN t.reply_to_id ELSE coalesce(q.id, qk.id) END,
       w.id IS NOT NULL, k.id IS NOT NULL, t.id IS NOT NULL,
       t.id IS NOT NULL AND k.id IS NULL AND w.id IS NULL AND t.created_at >= %(since)s,
       coalesce(w.quarantined, false), coalesce(k.removed, false), coalesce(k.gone AND t.deleted_at IS NOT NULL, false),
       coalesce(t.edited_at > s.since AND s.changed AND t.edited_at IS DISTINCT FROM w.edited_at, false),
       coalesce(t.deleted_at > s.since AND s.changed
                AND (w.deleted_at IS NULL OR (t.deleted_by IS NOT NULL AND t.deleted_at <> w.deleted_at)), false),
       coalesce(k.loaded_at, %(since)s), k.seq, t.seq, t.edited_at, t.deleted_at
FROM wanted w
FULL JOIN mapped k ON k.id = w.id
FULL JOIN there t ON t.id = coalesce(w.id, k.id)
CROSS JOIN LATERAL (
    SELECT coalesce(k.loaded_at - %(skew)s::interval, %(since)s) AS since,
           CASE WHEN k.id IS NULL THEN true WHEN greatest(t.edited_at, t.deleted_at) > k.loaded_at - %(skew)s::interval THEN (
               SELECT k.row_digest <> chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id,
                                                                   m.poll_id, m.created_at, m.edited_at, m.deleted_at)
                      OR k.text_digest IS DISTINCT FROM hashtextextended(m.text, 0)
               FROM message m WHERE m.app_id = %(app)s AND m.id = t.id) END AS changed
) s
LEFT JOIN wanted p ON p.stream_id = w.parent_stream_id AND NOT p.quarantined
LEFT JOIN wanted q ON q.stream_id = w.quoted_stream_id AND NOT q.quarantined
LEFT JOIN mapped pk ON pk.stream_id = w.parent_stream_id AND NOT pk.removed
LEFT JOIN mapped qk ON qk.stream_id = w.quoted_stream_id AND NOT qk.removed
