INSERT INTO chatsdk_migration.message_map (app_id, stream_id, message_id, channel_id)
SELECT %(app)s::uuid, p.stream_id, p.id, %(channel)s::uuid FROM stage_plan p
WHERE p.rank > %(after)s AND p.rank <= %(upto)s
