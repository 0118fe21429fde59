-- Every channel that was mapped has its row.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id)
SELECT 'channel', 'missing', k.cid, k.cid, k.channel_id::text
FROM chatsdk_migration.channel_map k
WHERE k.app_id = %(app)s AND NOT EXISTS (SELECT FROM channel c WHERE c.app_id = %(app)s AND c.id = k.channel_id)
  AND (%(cids)s::text[] IS NULL OR k.cid = ANY (%(cids)s))
