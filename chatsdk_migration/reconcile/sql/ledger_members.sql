-- What went with a channel that somebody here deleted is named once, with the channel. Whom a sync brought comes with
-- Stream's time of their last activity, which says nothing of what they did here.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found, explained_by)
SELECT 'members', CASE WHEN m.user_id IS NULL THEN 'missing' ELSE 'different' END, c.cid, p.user_id, p.user_id, f.field, f.expected, f.found,
       CASE WHEN m.joined_at >= c.mapped_at AND m.joined_at <> p.joined_at AND f.field <> 'role' THEN 'live'
            WHEN (m.user_id IS NULL OR f.field = 'muted') AND EXISTS (
                SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = p.user_id
                AND u.last_active_at > greatest(c.mapped_at, p.loaded_at) AND u.last_active_at <= now()) THEN 'live'
            WHEN m.user_id IS NULL AND EXISTS (
                SELECT FROM chatsdk_migration.conflict d WHERE d.app_id = %(app)s AND d.cid = c.cid AND d.entity = 'member'
                AND d.stream_id = p.user_id AND d.what LIKE 'in Stream, left%%') THEN 'conflict' END
FROM chatsdk_migration.read_position p
JOIN chatsdk_migration.channel_map c ON c.app_id = p.app_id AND c.channel_id = p.channel_id
LEFT JOIN channel_member m ON m.app_id = p.app_id AND m.channel_id = p.channel_id AND m.user_id = p.user_id
CROSS JOIN LATERAL (
    SELECT NULL AS field, p.role AS expected, NULL AS found WHERE m.user_id IS NULL
    UNION ALL
    SELECT f.* FROM (VALUES ('role', p.role, m.role::text), ('muted', p.muted::text, coalesce(m.muted, false)::text),
                            ('joined_at', p.joined_at::text, m.joined_at::text)) f (field, expected, found)
    WHERE m.user_id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) f
WHERE p.app_id = %(app)s AND p.role IS NOT NULL AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
  AND NOT ((c.gone_at IS NOT NULL
            OR EXISTS (SELECT FROM chatsdk_migration.conflict d WHERE d.app_id = %(app)s AND d.cid = c.cid
                       AND d.entity = 'channel' AND d.what LIKE '%% deleted in ChatSDK'))
           AND NOT EXISTS (SELECT FROM channel h WHERE h.app_id = %(app)s AND h.id = c.channel_id))
