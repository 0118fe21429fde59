-- Field by field: what Stream changed is carried where the field is as it was carried. Two are a direct message, which has
-- a cid of its own; who has joined here beside Stream's two makes it a group. Counted are those who are members here when
-- the changes of members, which come next, are made: without whom Stream has and who left here.
WITH people AS (
    SELECT count(*) AS people FROM (
        SELECT s.user_id::text FROM stage_member s
        WHERE NOT EXISTS (SELECT FROM chatsdk_migration.read_position b
                          WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = s.user_id)
          AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
        UNION
        SELECT m.user_id FROM channel_member m
        WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND NOT EXISTS (
            SELECT FROM chatsdk_migration.read_position b
            WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = m.user_id
              AND (b.role, b.joined_at) IS NOT DISTINCT FROM (m.role, m.joined_at)
              AND NOT EXISTS (SELECT FROM stage_member s WHERE s.user_id = b.user_id)
              AND NOT EXISTS (SELECT FROM stage_reject r WHERE r.entity = 'member' AND r.stream_id = b.user_id))
    ) one
), source AS (
    SELECT s.name, s.image_url, s.config, s.created_by, s.created_at, s.updated_at, s.stream_cid,
           CASE WHEN s.type = 'messaging' AND p.people > 2 THEN 'group' ELSE s.type END AS type,
           CASE WHEN s.type = 'messaging' AND p.people > 2 THEN s.stream_cid ELSE s.cid END AS cid
    FROM stage_sync_channel s CROSS JOIN people p LIMIT 1
), three AS (
    SELECT s.created_at, s.updated_at, s.cid,
           -- Stream gives a channel to somebody else when its owner is deleted.
           coalesce((SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.created_by), c.created_by) AS created_by,
           coalesce(k.carried, jsonb_build_object('type', c.type, 'name', c.name, 'image_url', c.image_url, 'config', c.config)) AS base,
           jsonb_build_object('type', c.type, 'name', c.name, 'image_url', c.image_url, 'config', c.config) AS here,
           jsonb_build_object('type', s.type, 'name', s.name, 'image_url', s.image_url, 'config', s.config) AS there
    FROM source s
    JOIN chatsdk_migration.channel_map k ON k.app_id = %(app)s AND k.cid = %(cid)s
    JOIN channel c ON c.app_id = %(app)s AND c.id = k.channel_id
), fields AS (
    SELECT f.field, t.base -> f.field AS base, t.here -> f.field AS here, t.there -> f.field AS there,
           chatsdk_migration.unsigned(t.base -> f.field) AS base_is, chatsdk_migration.unsigned(t.here -> f.field) AS here_is,
           chatsdk_migration.unsigned(t.there -> f.field) AS there_is
    FROM three t CROSS JOIN (VALUES ('type'), ('name'), ('image_url'), ('config')) f (field)
), noticed AS (
    INSERT INTO stage_sync_conflict (entity, stream_id, what)
    SELECT 'channel', %(cid)s, field || ' changed in Stream and in ChatSDK' FROM fields
    WHERE there_is <> base_is AND here_is <> base_is AND here_is <> there_is
), wanted AS (
    SELECT jsonb_object_agg(field, CASE WHEN here_is = base_is AND there_is <> base_is THEN there ELSE here END) AS fields,
           jsonb_object_agg(field, CASE WHEN (here_is = base_is OR here_is = there_is) AND there_is <> base_is THEN there
                                   ELSE base END) AS base,
           bool_and(here_is = base_is OR here_is = there_is) AS untouched
    FROM fields
), named AS (
    -- A cid that another channel has by now stays with it.
    SELECT CASE WHEN w.fields ->> 'type' = t.there ->> 'type' AND NOT EXISTS (
               SELECT FROM channel o WHERE o.app_id = %(app)s AND o.cid = t.cid AND o.id <> %(channel)s) THEN t.cid END AS cid
    FROM wanted w CROSS JOIN three t
), written AS (
    UPDATE channel c
    SET type = w.fields ->> 'type', name = w.fields ->> 'name', image_url = w.fields ->> 'image_url',
        config = w.fields -> 'config', created_by = t.created_by, created_at = t.created_at, cid = coalesce(n.cid, c.cid),
        updated_at = CASE WHEN w.untouched THEN greatest(c.updated_at, t.updated_at) ELSE c.updated_at END
    FROM wanted w CROSS JOIN three t CROSS JOIN named n
    WHERE c.app_id = %(app)s AND c.id = %(channel)s AND w.fields IS NOT NULL
      AND (w.fields <> t.here OR c.created_at IS DISTINCT FROM t.created_at -- made anew in Stream under its name
           OR c.created_by IS DISTINCT FROM t.created_by
           OR c.cid <> n.cid OR (w.untouched AND coalesce(c.updated_at < t.updated_at, true)))
    RETURNING w.fields <> t.here AS changed
), noted AS (
    UPDATE chatsdk_migration.channel_map k SET carried = w.base, gone_at = NULL
    FROM wanted w
    WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND w.base IS NOT NULL
      AND (k.carried IS DISTINCT FROM w.base OR k.gone_at IS NOT NULL)
)
SELECT count(*) FILTER (WHERE changed) FROM written
