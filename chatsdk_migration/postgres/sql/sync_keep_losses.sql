-- Part of the channel was read: losses listed one by one are those found now for each message read again; those summed up
-- grow by what the messages lost that came now, or with a sync before this one that was cut off before it counted them.
WITH fresh AS MATERIALIZED (
    SELECT k.stream_id
    FROM (SELECT c.uncounted_since FROM chatsdk_migration.channel_map c
          WHERE c.app_id = %(app)s AND c.cid = %(cid)s AND c.uncounted_since IS NOT NULL) c
    CROSS JOIN stage_known k
    WHERE k.present AND k.line IS NOT NULL
      AND (SELECT b.loaded_at FROM chatsdk_migration.message_map b
           WHERE b.app_id = %(app)s AND b.stream_id = k.stream_id) >= c.uncounted_since
), counted AS (
    UPDATE chatsdk_migration.channel_map c SET uncounted_since = NULL
    WHERE c.app_id = %(app)s AND c.cid = %(cid)s AND c.uncounted_since IS NOT NULL
), listed AS MATERIALIZED (
    SELECT DISTINCT ON (s.entity, s.kind, s.stream_id) s.entity, s.kind, s.stream_id, s.occurrences, s.detail
    FROM stage_loss s WHERE NOT s.kind = ANY (%(summed)s) AND s.stream_id <> '' AND NOT s.entity = ANY (%(replaced)s)
    ORDER BY s.entity, s.kind, s.stream_id
), forgotten AS (
    DELETE FROM chatsdk_migration.loss l
    WHERE l.app_id = %(app)s AND l.cid = %(cid)s AND l.entity = ANY (%(entities)s) AND NOT l.kind = ANY (%(summed)s)
      AND l.stream_id IN (SELECT stream_id FROM stage_message UNION SELECT stream_id FROM stage_sync_sought)
      AND (l.entity, l.kind, l.stream_id) NOT IN (SELECT entity, kind, stream_id FROM listed)
), summed AS (
    INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
    SELECT %(app)s::uuid, %(cid)s, s.entity, s.kind, '', count(*), min(s.stream_id || ': ' || s.detail)
    FROM stage_sync_loss s WHERE s.stream_id IN (SELECT stream_id FROM fresh)
    GROUP BY s.entity, s.kind
    ON CONFLICT (app_id, cid, entity, kind, stream_id) DO UPDATE SET occurrences = l.occurrences + excluded.occurrences
), added AS (
    INSERT INTO chatsdk_migration.loss AS l (app_id, cid, entity, kind, stream_id, occurrences, detail)
    SELECT %(app)s::uuid, %(cid)s, * FROM listed
    ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
    RETURNING entity, kind, stream_id
)
SELECT stream_id FROM fresh
UNION
SELECT stream_id FROM added WHERE entity = 'message' AND kind = ANY (%(withheld)s)
