INSERT INTO chatsdk_migration.channel_map (app_id, cid, channel_id, carried)
SELECT DISTINCT ON (s.stream_cid) %(app)s::uuid, s.stream_cid, s.id,
       jsonb_build_object('type', s.type, 'name', s.name, 'image_url', s.image_url, 'config', s.config) FROM arriving_channel s
JOIN channel c ON c.app_id = %(app)s AND c.id = s.id
ORDER BY s.stream_cid, s.id
ON CONFLICT (app_id, cid) DO NOTHING
