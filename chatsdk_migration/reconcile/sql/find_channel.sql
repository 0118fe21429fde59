-- A channel that the mapping did not carry has no row here; its record is in quarantine or counted as withheld.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by)
SELECT 'channel', f.kind, %(cid)s, %(channel)s::text, f.field, f.expected, f.found,
       CASE WHEN f.kind = 'missing' AND (s.id IS NULL OR EXISTS (
                     SELECT FROM chatsdk_migration.quarantine q
                     WHERE q.app_id = %(app)s AND q.entity = 'channel' AND q.stream_id = %(cid)s AND q.replayed_at IS NULL))
            THEN 'quarantined'
            WHEN f.field IN ('name', 'image_url', 'config', 'updated_at') AND c.updated_at >= %(since)s THEN 'live' END
FROM (SELECT 1) one
LEFT JOIN (SELECT * FROM stage_verify_channel LIMIT 1) s ON true
LEFT JOIN channel c ON c.app_id = %(app)s AND c.id = %(channel)s
CROSS JOIN LATERAL (
    SELECT 'missing' AS kind, NULL AS field, coalesce(s.name, s.cid, %(cid)s)::text AS expected, NULL AS found WHERE c.id IS NULL
    UNION ALL
    SELECT 'different', f.* FROM (VALUES
        ('cid', s.cid::text, c.cid::text), ('type', s.type::text, c.type::text), ('name', s.name::text, c.name::text),
        ('image_url', regexp_replace(s.image_url, '\?.*Expires=.*', ''), regexp_replace(c.image_url, '\?.*Expires=.*', '')),
        ('config', s.config::text, c.config::text), ('created_by', s.created_by::text, c.created_by::text),
        ('created_at', s.created_at::text, c.created_at::text), ('updated_at', s.updated_at::text, c.updated_at::text)
    ) f (field, expected, found)
    WHERE c.id IS NOT NULL AND s.id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
