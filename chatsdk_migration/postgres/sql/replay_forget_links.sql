DELETE FROM chatsdk_migration.loss l
USING stage_known k
WHERE l.app_id = %(app)s AND l.cid = %(cid)s AND l.entity = 'message'
  AND l.kind IN ('parent_not_carried', 'quote_not_carried')
  AND l.detail = left(k.stream_id, 255) AND k.line IS NOT NULL AND k.present
