-- The conflicts of what was looked at now, in place of those found before; one that was known keeps its time.
WITH present AS MATERIALIZED (
    SELECT entity, stream_id, what FROM stage_sync_conflict
    UNION
    SELECT 'message', stream_id, what FROM stage_sync_change WHERE verdict = 'conflict'
), solved AS (
    DELETE FROM chatsdk_migration.conflict k
    WHERE k.app_id = %(app)s AND k.cid = %(cid)s
      AND (k.stream_id IN (SELECT stream_id FROM stage_sync_scope) OR (%(people)s AND k.entity IN ('member', 'channel'))
           OR k.stream_id IN (SELECT stream_id FROM stage_sync_change))
      AND (k.entity, k.stream_id, k.what) NOT IN (SELECT entity, stream_id, what FROM present)
)
INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
SELECT %(app)s::uuid, %(cid)s, entity, stream_id, what, %(now)s::timestamptz FROM present
ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
