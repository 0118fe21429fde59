-- Either unique key may be taken: ours by an earlier run, the cid by a channel that is not ours.
INSERT INTO channel (id, app_id, cid, type, name, image_url, config, created_by, created_at, updated_at)
SELECT DISTINCT ON (id) id, %(app)s::uuid, cid, type, name, image_url, config, created_by, created_at, updated_at
FROM arriving_channel ORDER BY id
ON CONFLICT DO NOTHING
RETURNING id
