-- What hangs on the messages now, for comparisons that do not read Stream again.
-- Looked up by message or poll alone: beside the app, statistics that lag behind choose to read all of the app each time.
INSERT INTO chatsdk_migration.channel_load AS l (app_id, channel_id, category, rows, digest)
WITH since AS (
    SELECT mapped_at AS at FROM chatsdk_migration.channel_map WHERE app_id = %(app)s AND cid = %(cid)s AND mapped_at IS NOT NULL
), there AS (
    SELECT 'reactions' AS category, hash_record_extended(ROW (r.message_id, r.user_id::text, r.emoji::text, r.created_at), 0) AS digest,
           r.created_at AS at
    FROM (SELECT DISTINCT message_id FROM stage_reaction) s
    CROSS JOIN LATERAL (SELECT * FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = s.message_id OFFSET 0) r
    UNION ALL
    SELECT 'mentions', hash_record_extended(ROW (n.id, n.message_id, n.mentioned_user_id::text, n.created_at), 0), n.created_at
    FROM (SELECT DISTINCT message_id FROM stage_mention) s
    CROSS JOIN LATERAL (SELECT * FROM mention n WHERE n.message_id = s.message_id OFFSET 0) n
    WHERE n.app_id = %(app)s
    UNION ALL
    SELECT 'pins', hash_record_extended(ROW (p.message_id, p.pinned_by::text, p.pinned_at), 0), p.pinned_at
    FROM pinned_message p WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s
    UNION ALL
    SELECT 'votes', hash_record_extended(ROW (v.poll_id, v.user_id::text, v.option_id::text, v.voted_at), 0), v.voted_at
    FROM (SELECT DISTINCT id FROM stage_poll) s
    CROSS JOIN LATERAL (SELECT * FROM poll_vote v WHERE v.poll_id = s.id OFFSET 0) v
    WHERE v.app_id = %(app)s
)
SELECT %(app)s::uuid, %(channel)s::uuid, c.category, count(t.category), coalesce(bit_xor(t.digest), 0)
FROM since
CROSS JOIN unnest(%(categories)s::text[]) c (category)
LEFT JOIN there t ON t.category = c.category AND t.at < since.at
GROUP BY c.category
ON CONFLICT (app_id, channel_id, category) DO UPDATE
SET rows = excluded.rows, digest = excluded.digest, recorded_at = excluded.recorded_at
