-- Carried, no longer in Stream and not here either: somebody in ChatSDK took it away before. It stays remembered, for in
-- Stream it may come back as it was: with a message that is undeleted, or shown again. So does the poll of such a message.
-- Of messages that are known in part, what is here of reactions and votes stays, and stays remembered as well, but for what
-- was given anew.
INSERT INTO stage_sync_item (message_id, digest)
WITH lost AS MATERIALIZED (
    SELECT c.id, unnest(b.items) AS digest
    FROM stage_sync_scope c JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    EXCEPT
    SELECT i.message_id, i.digest FROM stage_sync_item i
), doubtful AS MATERIALIZED (
    SELECT c.id, c.partial FROM stage_sync_scope c WHERE c.id IN (SELECT id FROM lost)
), polls AS MATERIALIZED (
    SELECT p.*, d.partial FROM doubtful d CROSS JOIN LATERAL (
        SELECT p.* FROM poll p WHERE p.app_id = %(app)s AND p.message_id = d.id OFFSET 0
    ) p
)
SELECT l.id, l.digest FROM lost l
EXCEPT
SELECT d.id, h.digest
FROM doubtful d CROSS JOIN LATERAL (
    SELECT chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) AS digest
    FROM reaction r
    WHERE r.app_id = %(app)s AND r.message_id = d.id
      AND (NOT d.partial OR EXISTS (SELECT FROM stage_reaction s
                                    WHERE s.message_id = r.message_id AND s.user_id = r.user_id AND s.emoji = r.emoji))
    UNION ALL
    SELECT chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL)
    FROM mention n WHERE n.app_id = %(app)s AND n.message_id = d.id
    UNION ALL
    SELECT chatsdk_migration.item_digest('pin', n.pinned_by, NULL, n.pinned_at)
    FROM pinned_message n
    WHERE n.app_id = %(app)s AND n.message_id = d.id
      AND n.channel_id = (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = d.id)
) h
EXCEPT
SELECT p.message_id, chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at)
FROM polls p JOIN poll_vote v ON v.app_id = %(app)s AND v.poll_id = p.id
WHERE NOT p.partial OR EXISTS (SELECT FROM stage_vote s
                               WHERE s.poll_id = v.poll_id AND s.user_id = v.user_id AND s.option_id = v.option_id)
EXCEPT
SELECT p.message_id, chatsdk_migration.poll_digest(p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at)
FROM polls p
WHERE EXISTS (SELECT FROM stage_poll s WHERE s.id = p.id)
