-- Open to everybody in ChatSDK, without the operator's own table saying so.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found)
SELECT 'privacy', 'different', k.cid, k.cid, c.id::text, 'type', 'members only', c.type
FROM chatsdk_migration.channel_map k JOIN channel c ON c.app_id = k.app_id AND c.id = k.channel_id
WHERE k.app_id = %(app)s AND c.type NOT IN ('messaging', 'group', 'private')
  AND NOT (c.type = 'livestream' AND split_part(k.cid, ':', 1) = 'livestream')
  AND NOT EXISTS (SELECT FROM jsonb_each_text(%(types)s) t WHERE t.key = split_part(k.cid, ':', 1) AND t.value = c.type)
