-- What hung on the channel's messages at the end of its load is on record by number and digest. Before this sync adds or
-- drops something as old, the record of that category is forgotten: it would take Stream's change for damage, and to make it
-- anew the whole channel would have to be read. What is newer than the load is not in it. Messages that came later than
-- the record, whose old items it does not hold, are told by their own time.
WITH since AS (
    SELECT mapped_at AS at FROM chatsdk_migration.channel_map WHERE app_id = %(app)s AND cid = %(cid)s AND mapped_at IS NOT NULL
), known AS MATERIALIZED (
    SELECT c.id AS message_id, unnest(b.items) AS digest
    FROM stage_sync_scope c JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
), late AS MATERIALIZED (
    SELECT c.id FROM stage_sync_scope c
    CROSS JOIN LATERAL (
        SELECT k.loaded_at FROM chatsdk_migration.message_map k
        WHERE k.channel_id = %(channel)s AND k.message_id = c.id AND k.app_id = %(app)s LIMIT 1
    ) k
    WHERE k.loaded_at > (SELECT min(l.recorded_at) FROM chatsdk_migration.channel_load l
                         WHERE l.app_id = %(app)s AND l.channel_id = %(channel)s)
), added AS MATERIALIZED (
    SELECT message_id, digest FROM stage_sync_item
    EXCEPT
    SELECT message_id, digest FROM known WHERE message_id NOT IN (SELECT id FROM late)
), dropped AS MATERIALIZED (
    SELECT message_id, digest FROM known
    EXCEPT
    SELECT message_id, digest FROM stage_sync_item
), doubtful AS MATERIALIZED (
    SELECT DISTINCT message_id AS id FROM dropped
), polls AS MATERIALIZED (
    SELECT p.id, p.message_id FROM doubtful d
    CROSS JOIN LATERAL (SELECT * FROM poll p WHERE p.app_id = %(app)s AND p.message_id = d.id OFFSET 0) p
), arriving AS (
    SELECT 'reactions' AS category, s.message_id, s.created_at AS at,
           chatsdk_migration.item_digest('reaction', s.user_id, s.emoji, s.created_at) AS digest
    FROM stage_reaction s
    UNION ALL
    SELECT 'mentions', s.message_id, s.created_at, chatsdk_migration.item_digest('mention', s.mentioned_user_id, NULL, NULL)
    FROM stage_mention s
    UNION ALL
    SELECT 'pins', s.message_id, s.pinned_at, chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at)
    FROM stage_pin s
    UNION ALL
    SELECT 'votes', p.message_id, s.voted_at, chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at)
    FROM stage_vote s JOIN stage_poll p ON p.id = s.poll_id
), leaving AS (
    SELECT 'reactions' AS category, r.message_id, r.created_at AS at,
           chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) AS digest
    FROM doubtful d CROSS JOIN LATERAL (SELECT * FROM reaction r WHERE r.app_id = %(app)s AND r.message_id = d.id OFFSET 0) r
    UNION ALL
    SELECT 'mentions', n.message_id, n.created_at, chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL)
    FROM doubtful d CROSS JOIN LATERAL (SELECT * FROM mention n WHERE n.message_id = d.id OFFSET 0) n
    WHERE n.app_id = %(app)s
    UNION ALL
    SELECT 'pins', p.message_id, p.pinned_at, chatsdk_migration.item_digest('pin', p.pinned_by, NULL, p.pinned_at)
    FROM pinned_message p
    WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.message_id IN (SELECT id FROM doubtful)
    UNION ALL
    SELECT 'votes', p.message_id, v.voted_at, chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at)
    FROM polls p CROSS JOIN LATERAL (SELECT * FROM poll_vote v WHERE v.poll_id = p.id OFFSET 0) v
    WHERE v.app_id = %(app)s
)
DELETE FROM chatsdk_migration.channel_load l
WHERE l.app_id = %(app)s AND l.channel_id = %(channel)s
  AND l.category IN (
      SELECT a.category FROM arriving a JOIN added USING (message_id, digest) CROSS JOIN since WHERE a.at < since.at
      UNION ALL
      SELECT g.category FROM leaving g JOIN dropped USING (message_id, digest) CROSS JOIN since WHERE g.at < since.at)
