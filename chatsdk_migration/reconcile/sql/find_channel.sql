-- A channel that the mapping did not carry has no row here; its record is in quarantine or counted as withheld, and where it
-- is neither, nobody knows of it. One that somebody here deleted is listed as a conflict by a sync. A direct message that a
-- third person has joined here is a group. A cid that another channel has stays with it.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by)
SELECT 'channel', f.kind, %(cid)s, %(channel)s::text, f.field, f.expected, f.found,
       CASE WHEN f.kind = 'missing' AND (
                     EXISTS (SELECT FROM chatsdk_migration.quarantine q
                             WHERE q.app_id = %(app)s AND q.entity = 'channel' AND q.stream_id = %(cid)s AND q.replayed_at IS NULL)
                     OR EXISTS (SELECT FROM stage_loss l WHERE l.kind = 'channel_deleted')
                     OR s.id IS NULL AND EXISTS (
                         SELECT FROM chatsdk_migration.loss l
                         WHERE l.app_id = %(app)s AND l.cid = '' AND l.kind = 'channel_deleted' AND l.stream_id = %(cid)s))
            THEN 'quarantined'
            WHEN f.kind = 'missing' AND EXISTS (
                     SELECT FROM chatsdk_migration.conflict k
                     WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND k.entity = 'channel' AND k.what LIKE '%% deleted in ChatSDK')
            THEN 'conflict'
            WHEN f.field = 'created_by' AND f.expected IS NULL AND EXISTS (
                     SELECT FROM stage_loss l WHERE l.kind = 'channel_creator_unknown') -- who was carried before stays
            THEN 'quarantined'
            WHEN f.field IN ('name', 'image_url', 'config', 'updated_at') AND c.updated_at >= %(since)s THEN 'live' END
FROM (SELECT 1) one
LEFT JOIN (SELECT * FROM stage_verify_channel LIMIT 1) s ON true
LEFT JOIN channel c ON c.app_id = %(app)s AND c.id = %(channel)s
CROSS JOIN LATERAL (
    SELECT CASE WHEN one.grown THEN 'group' ELSE s.type END AS type, CASE WHEN one.grown AND c.cid = s.stream_cid OR EXISTS (
               SELECT FROM channel o WHERE o.app_id = %(app)s AND o.cid = s.cid AND o.id <> c.id) THEN c.cid ELSE s.cid END AS cid
    FROM (SELECT s.type = 'messaging' AND c.type <> 'messaging' AND (
              SELECT count(*) FROM channel_member m WHERE m.app_id = %(app)s AND m.channel_id = c.id) > 2 AS grown) one
) own
CROSS JOIN LATERAL (
    SELECT 'missing' AS kind, NULL AS field, coalesce(s.name, s.cid, %(cid)s)::text AS expected, NULL AS found WHERE c.id IS NULL
    UNION ALL
    SELECT 'different', f.* FROM (VALUES
        ('cid', own.cid::text, c.cid::text), ('type', own.type::text, c.type::text), ('name', s.name::text, c.name::text),
        ('image_url', regexp_replace(s.image_url, '\?.*Expires=.*', ''), regexp_replace(c.image_url, '\?.*Expires=.*', '')),
        ('config', s.config::text, c.config::text), ('created_by', s.created_by::text, c.created_by::text),
        ('created_at', s.created_at::text, c.created_at::text), ('updated_at', s.updated_at::text, c.updated_at::text)
    ) f (field, expected, found)
    WHERE c.id IS NOT NULL AND s.id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
