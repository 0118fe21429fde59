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
    UNION ALL
    -- what Stream has in a form that cannot be carried now stays as it came
    SELECT c.id, h.digest
    FROM (SELECT DISTINCT r.entity, coalesce(nullif(r.message_stream_id, ''), r.stream_id) AS stream_id
          FROM stage_reject r WHERE r.entity IN ('pin', 'mention')) r
    JOIN stage_sync_scope c ON c.stream_id = r.stream_id
    JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    CROSS JOIN LATERAL (
        SELECT chatsdk_migration.item_digest('pin', n.pinned_by, NULL, n.pinned_at) AS digest FROM pinned_message n
        WHERE r.entity = 'pin' AND n.app_id = %(app)s AND n.channel_id = %(channel)s AND n.message_id = c.id
        UNION ALL
        SELECT chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL) FROM mention n
        WHERE r.entity = 'mention' AND n.app_id = %(app)s AND n.message_id = c.id
    ) h
    WHERE h.digest = ANY (b.items)
) i
JOIN stage_sync_scope c ON c.id = i.message_id
