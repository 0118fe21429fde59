-- Field by field: what Stream changed is carried where the field is as it was carried.
WITH three AS (
    SELECT s.*, coalesce(k.carried, jsonb_build_object('type', c.type, 'name', c.name, 'image_url', c.image_url, 'config', c.config)) AS base,
           jsonb_build_object('type', c.type, 'name', c.name, 'image_url', c.image_url, 'config', c.config) AS here,
           jsonb_build_object('type', s.type, 'name', s.name, 'image_url', s.image_url, 'config', s.config) AS there
    FROM stage_sync_channel s
    JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.cid = %(cid)s
    JOIN channel c ON c.app_id = %(app)s AND c.id = k.channel_id
    LIMIT 1
), fields AS (
    SELECT f.field, t.base -> f.field AS base, t.here -> f.field AS here, t.there -> f.field AS there
    FROM three t CROSS JOIN (VALUES ('type'), ('name'), ('image_url'), ('config')) f (field)
), noticed AS (
    INSERT INTO stage_sync_conflict (entity, stream_id, what)
    SELECT 'channel', %(cid)s, field || ' changed in Stream and in ChatSDK' FROM fields
    WHERE there <> base AND here <> base AND here <> there
), wanted AS (
    SELECT jsonb_object_agg(field, CASE WHEN here = base THEN there ELSE here END) AS fields,
           jsonb_object_agg(field, CASE WHEN here = base OR here = there THEN there ELSE base END) AS base,
           bool_and(here = base OR here = there) AS untouched
    FROM fields
), written AS (
    UPDATE channel c
    SET type = w.fields ->> 'type', name = w.fields ->> 'name', image_url = w.fields ->> 'image_url',
        config = w.fields -> 'config',
        updated_at = CASE WHEN w.untouched THEN greatest(c.updated_at, t.updated_at) ELSE c.updated_at END
    FROM wanted w CROSS JOIN three t
    WHERE c.app_id = %(app)s AND c.id = %(channel)s AND w.fields IS NOT NULL
      AND (w.fields <> t.here OR (w.untouched AND coalesce(c.updated_at < t.updated_at, true)))
    RETURNING w.fields <> t.here AS changed
), noted AS (
    UPDATE chatsdk_migration.channel_map k SET carried = w.base, gone_at = NULL
    FROM wanted w
    WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND w.base IS NOT NULL
      AND (k.carried IS DISTINCT FROM w.base OR k.gone_at IS NOT NULL)
)
SELECT count(*) FILTER (WHERE changed) FROM written
