-- Stream has it, in a form that cannot be carried now: what is here of it came before, and is neither too much nor damage.
-- Records that the operator has discarded are not met again; what came of them before stays as well.
WITH named AS (
    SELECT r.entity || 's' AS category, coalesce(nullif(r.message_stream_id, ''), r.stream_id) AS id FROM stage_reject r
    UNION
    SELECT q.entity || 's', coalesce(nullif(q.message_stream_id, ''), q.stream_id) FROM chatsdk_migration.quarantine q
    WHERE q.app_id = %(app)s AND q.cid = %(cid)s AND q.discarded_at IS NOT NULL
), refused AS MATERIALIZED (
    SELECT category, id FROM named
    UNION
    SELECT 'pins', id FROM named WHERE category = 'messages' -- the pin of a message goes with it
)
UPDATE stage_verify_found f
SET explained_by = 'quarantined'
FROM refused r
WHERE f.explained_by IS NULL AND f.kind = 'extra' AND r.category = f.category AND r.id = f.stream_id
