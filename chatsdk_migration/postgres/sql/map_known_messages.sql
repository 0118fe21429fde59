-- Messages that were in the target without being in the map: somebody lost our tables.
INSERT INTO chatsdk_migration.message_map (app_id, stream_id, message_id, channel_id)
SELECT %(app)s::uuid, n.stream_id, n.id, %(channel)s::uuid
FROM stage_known n
WHERE n.rank IS NULL AND n.present
  AND (SELECT k.message_id FROM chatsdk_migration.message_map k WHERE k.app_id = %(app)s AND k.stream_id = n.stream_id) IS NULL
ON CONFLICT (app_id, stream_id) DO NOTHING
