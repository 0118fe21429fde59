-- Still in Stream and, after all was added, not here: somebody in ChatSDK took it away, or voted otherwise, and that stays.
INSERT INTO stage_sync_conflict (entity, stream_id, what)
SELECT 'reaction', c.stream_id, left(s.emoji || ' of ' || s.user_id, 300) || ': in Stream, taken away in ChatSDK'
FROM stage_reaction s JOIN stage_sync_scope c ON c.id = s.message_id
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
  AND NOT EXISTS (SELECT FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = s.message_id AND r.user_id = s.user_id
                  AND r.emoji = s.emoji)
UNION
SELECT 'pin', c.stream_id, 'pinned in Stream, unpinned in ChatSDK'
FROM stage_pin s JOIN stage_sync_scope c ON c.id = s.message_id
JOIN message m ON m.app_id = %(app)s AND m.id = c.id AND m.deleted_at IS NULL
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.pinned_by) IS NOT NULL
  AND NOT EXISTS (SELECT FROM pinned_message p WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.message_id = s.message_id)
UNION
SELECT 'vote', c.stream_id, left(s.option_id || ' of ' || s.user_id, 300) || ': in Stream, taken back in ChatSDK'
FROM stage_vote s JOIN poll p ON p.app_id = %(app)s AND p.id = s.poll_id JOIN stage_sync_scope c ON c.id = p.message_id
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
  AND NOT EXISTS (SELECT FROM poll_vote v WHERE v.app_id = %(app)s AND v.poll_id = s.poll_id AND v.user_id = s.user_id
                  AND v.option_id = s.option_id)
