SELECT DISTINCT stream_id FROM chatsdk_migration.loss
WHERE app_id = %(app)s AND cid = %(cid)s AND entity = 'message' AND kind = ANY (%(kinds)s::text[])
  AND stream_id = ANY (%(stream_ids)s::text[])
