-- What came from Stream counts as carried from now on, or its next change there would be taken for a conflict. A cid that
-- another channel has by now stays with it.
WITH mended AS (
    UPDATE channel c
    SET cid = CASE WHEN 'cid' = ANY (f.fields) AND NOT EXISTS (
                  SELECT FROM channel o WHERE o.app_id = %(app)s AND o.cid = f.cid AND o.id <> c.id) THEN f.cid ELSE c.cid END,
        type = CASE WHEN 'type' = ANY (f.fields) THEN f.type ELSE c.type END,
        name = CASE WHEN 'name' = ANY (f.fields) THEN s.name ELSE c.name END,
        image_url = CASE WHEN 'image_url' = ANY (f.fields) THEN s.image_url ELSE c.image_url END,
        config = CASE WHEN 'config' = ANY (f.fields) THEN s.config ELSE c.config END,
        created_by = CASE WHEN 'created_by' = ANY (f.fields) THEN s.created_by ELSE c.created_by END,
        created_at = CASE WHEN 'created_at' = ANY (f.fields) THEN s.created_at ELSE c.created_at END,
        updated_at = CASE WHEN 'updated_at' = ANY (f.fields) THEN s.updated_at ELSE c.updated_at END
    FROM (SELECT * FROM stage_verify_channel LIMIT 1) s
    CROSS JOIN (
        SELECT array_agg(field) AS fields, max(expected) FILTER (WHERE field = 'cid') AS cid,
               max(expected) FILTER (WHERE field = 'type') AS type
        FROM stage_verify_found
        WHERE category = 'channel' AND kind = 'different' AND explained_by IS NULL
    ) f
    WHERE c.app_id = %(app)s AND c.id = %(channel)s AND f.fields IS NOT NULL
    RETURNING c.type, c.name, c.image_url, c.config, f.fields
), noted AS (
    UPDATE chatsdk_migration.channel_map k
    SET carried = k.carried || coalesce((
        SELECT jsonb_object_agg(v.field, v.value)
        FROM (VALUES ('type', to_jsonb(m.type)), ('name', to_jsonb(m.name)), ('image_url', to_jsonb(m.image_url)),
                     ('config', m.config)) v (field, value)
        WHERE v.field = ANY (m.fields)), '{}')
    FROM mended m WHERE k.app_id = %(app)s AND k.channel_id = %(channel)s
)
SELECT 1 FROM mended
