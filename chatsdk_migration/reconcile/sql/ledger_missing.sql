-- What went with a channel that somebody here deleted is named once, with the channel.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id)
SELECT 'messages', 'missing', c.cid, k.stream_id, k.message_id::text
FROM chatsdk_migration.message_map k
JOIN chatsdk_migration.channel_map c ON c.app_id = k.app_id AND c.channel_id = k.channel_id
LEFT JOIN message m ON m.app_id = %(app)s AND m.id = k.message_id AND m.channel_id = k.channel_id
WHERE k.app_id = %(app)s AND m.id IS NULL AND k.removed_at IS NULL
  AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
  AND NOT ((c.gone_at IS NOT NULL
            OR EXISTS (SELECT FROM chatsdk_migration.conflict d WHERE d.app_id = %(app)s AND d.cid = c.cid
                       AND d.entity = 'channel' AND d.what LIKE '%% deleted in ChatSDK'))
           AND NOT EXISTS (SELECT FROM channel h WHERE h.app_id = %(app)s AND h.id = c.channel_id))
