-- A person may be noted by two of the app's lists: once is enough.
INSERT INTO chatsdk_migration.loss (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT %(app)s::uuid, %(cid)s, entity, kind, stream_id, occurrences, detail FROM arriving_loss
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
