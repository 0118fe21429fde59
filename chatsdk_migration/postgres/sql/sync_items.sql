INSERT INTO stage_sync_item (message_id, digest)
SELECT DISTINCT i.message_id, i.digest
FROM (
    SELECT s.message_id, chatsdk_migration.item_digest('reaction', s.user_id, s.emoji, s.created_at) AS digest FROM stage_reaction s
    UNION ALL
    SELECT s.message_id, chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL) FROM stage_mention s
    WHERE EXISTS (SELECT FROM channel_member r -- who is no member is not told; one who joins later is
                  WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = s.mentioned_user_id)
       OR EXISTS (SELECT FROM chatsdk_migration.carried b -- who left in ChatSDK keeps what ChatSDK left there
                  WHERE b.app_id = %(app)s AND b.message_id = s.message_id
                    AND chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL) = ANY (b.items))
    UNION ALL
    SELECT s.message_id, chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at) FROM stage_pin s
    UNION ALL
    SELECT p.message_id, chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at)
    FROM stage_vote s JOIN (SELECT DISTINCT ON (id) id, message_id FROM stage_poll ORDER BY id) p ON p.id = s.poll_id
    UNION ALL
    SELECT s.message_id, chatsdk_migration.poll_digest(s.question, s.options, s.is_anonymous, s.is_multi_choice, s.ends_at)
    FROM stage_poll s
) i
JOIN stage_sync_scope c ON c.id = i.message_id
