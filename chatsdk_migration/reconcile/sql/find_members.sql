-- Who joined in ChatSDK has joined after the channel was carried. A role is nobody's own to change, so no time explains
-- one that differs; a sync that found it changed on both sides has listed it as a conflict. Who left here and joined here
-- again has the rank given then, when it is a lower one.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by, person)
SELECT 'members', d.kind, d.user_id, d.user_id, d.field, d.expected, d.found,
       CASE WHEN d.explained_by IS NULL AND (d.kind = 'extra' OR d.field = 'role') AND EXISTS (
                SELECT FROM chatsdk_migration.conflict k WHERE k.app_id = %(app)s AND k.cid = %(cid)s
                  AND k.entity = 'member' AND k.stream_id = d.user_id AND k.what NOT LIKE 'in Stream, left%%') THEN 'live' ELSE d.explained_by END, d.user_id
FROM (SELECT DISTINCT ON (user_id) * FROM stage_member ORDER BY user_id) s
FULL JOIN (SELECT * FROM channel_member WHERE app_id = %(app)s AND channel_id = %(channel)s) c ON c.user_id = s.user_id
CROSS JOIN LATERAL (
    SELECT coalesce(s.user_id, c.user_id) AS user_id, 'missing' AS kind, NULL AS field, s.role::text AS expected, NULL AS found,
           NULL AS explained_by
    WHERE c.user_id IS NULL
    UNION ALL
    SELECT c.user_id, 'extra', NULL, NULL, c.role, CASE WHEN c.joined_at >= %(since)s THEN 'live' END WHERE s.user_id IS NULL
    UNION ALL
    SELECT c.user_id, 'different', f.field, f.expected, f.found,
           CASE WHEN c.joined_at >= %(since)s AND c.joined_at <> s.joined_at AND (
                    f.field <> 'role' OR array_position(ARRAY['member', 'moderator', 'admin', 'owner'], c.role::text)
                                         < array_position(ARRAY['member', 'moderator', 'admin', 'owner'], s.role::text)) THEN 'live' END
    FROM (VALUES ('role', s.role::text, c.role::text), ('muted', s.muted::text, coalesce(c.muted, false)::text),
                 ('joined_at', s.joined_at::text, c.joined_at::text)) f (field, expected, found)
    WHERE s.user_id IS NOT NULL AND c.user_id IS NOT NULL AND f.expected IS DISTINCT FROM f.found
) d
