-- Channels that were carried to their end and that somebody in ChatSDK deleted since: that stays so, and is listed.
WITH removed AS MATERIALIZED (
    SELECT k.cid FROM chatsdk_migration.channel_map k
    JOIN chatsdk_migration.watermark w ON w.app_id = k.app_id AND w.cid = k.cid AND w.synced_to IS NOT NULL
    WHERE k.app_id = %(app)s AND k.gone_at IS NULL
      AND NOT EXISTS (SELECT FROM channel c WHERE c.app_id = %(app)s AND c.id = k.channel_id)
), noticed AS (
    INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
    SELECT %(app)s::uuid, cid, 'channel', cid, 'in Stream, deleted in ChatSDK', %(now)s::timestamptz FROM removed
    ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
)
SELECT cid FROM removed
