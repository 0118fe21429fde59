INSERT INTO chatsdk_migration.source_month AS r (app_id, cid, month, messages)
SELECT %(app)s, %(cid)s, read.month, read.messages FROM unnest(%(months)s::text[], %(numbers)s::bigint[]) AS read (month, messages)
ON CONFLICT (app_id, cid, month) DO UPDATE SET messages = r.messages + excluded.messages
