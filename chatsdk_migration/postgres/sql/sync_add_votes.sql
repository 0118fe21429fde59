-- In a poll of one answer, whoever has voted here keeps that vote.
INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.poll_id, %(app)s::uuid, s.user_id, s.option_id, s.voted_at
FROM stage_vote s
JOIN poll p ON p.app_id = %(app)s AND p.id = s.poll_id
JOIN stage_sync_scope c ON c.id = p.message_id
LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
  AND NOT chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at) = ANY (coalesce(b.items, '{}'))
  AND (p.is_multi_choice OR NOT EXISTS (
      SELECT FROM poll_vote v
      WHERE v.app_id = %(app)s AND v.poll_id = s.poll_id AND v.user_id = s.user_id
        AND NOT chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at) = ANY (coalesce(b.items, '{}'))))
ORDER BY s.poll_id, s.user_id, s.option_id, s.voted_at
ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
