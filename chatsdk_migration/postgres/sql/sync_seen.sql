UPDATE chatsdk_migration.watermark w SET seen_at = greatest(w.seen_at, n.seen_at)
FROM unnest(%(cids)s::text[], %(times)s::timestamptz[]) AS n (cid, seen_at)
WHERE w.app_id = %(app)s AND w.cid = n.cid
