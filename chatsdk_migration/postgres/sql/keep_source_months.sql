INSERT INTO chatsdk_migration.source_month (app_id, cid, month, messages)
SELECT %(app)s, %(cid)s, read.month, read.messages FROM unnest(%(months)s::text[], %(numbers)s::bigint[]) AS read (month, messages)
