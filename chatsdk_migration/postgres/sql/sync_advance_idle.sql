UPDATE chatsdk_migration.watermark SET synced_to = greatest(synced_to, %(to)s::timestamptz)
WHERE app_id = %(app)s AND cid = ANY (%(cids)s)
