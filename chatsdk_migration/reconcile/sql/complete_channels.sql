-- Every channel that was mapped has its row, unless somebody here deleted it, which a sync has listed.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, explained_by)
SELECT 'channel', 'missing', k.cid, k.cid, k.channel_id::text,
       CASE WHEN EXISTS (SELECT FROM chatsdk_migration.conflict d WHERE d.app_id = %(app)s AND d.cid = k.cid
                         AND d.entity = 'channel' AND d.what LIKE '%% deleted in ChatSDK') THEN 'conflict'
            WHEN k.gone_at IS NOT NULL THEN 'gone_from_source' END
FROM chatsdk_migration.channel_map k
WHERE k.app_id = %(app)s AND NOT EXISTS (SELECT FROM channel c WHERE c.app_id = %(app)s AND c.id = k.channel_id)
  AND (%(cids)s::text[] IS NULL OR k.cid = ANY (%(cids)s))
