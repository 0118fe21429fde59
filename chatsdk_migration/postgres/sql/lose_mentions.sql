-- Not shown to who is no member. They are kept for when that person joins, but for those that came once and were taken
-- away here; what a message does not mention any more is kept no longer.
WITH outside AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.* FROM stage_mention s
    WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioned_user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM channel_member c
                      WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.mentioned_user_id)
      AND NOT EXISTS (SELECT FROM mention n WHERE n.id = s.id)
    ORDER BY s.id
), forgotten AS (
    DELETE FROM chatsdk_migration.withheld_mention w
    WHERE w.app_id = %(app)s AND w.channel_id = %(channel)s
      AND w.message_id IN (SELECT s.id FROM stage_message s) AND NOT EXISTS (SELECT FROM outside o WHERE o.id = w.id)
), kept AS (
    INSERT INTO chatsdk_migration.withheld_mention
        (app_id, channel_id, id, message_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT %(app)s::uuid, %(channel)s::uuid, o.id, o.message_id, o.mentioned_user_id, o.mentioner_user_id, o.created_at
    FROM outside o
    WHERE NOT EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = o.message_id
                      AND chatsdk_migration.item_digest('mention', o.mentioned_user_id, NULL, NULL) = ANY (b.items))
    ORDER BY o.message_id, o.mentioned_user_id
    ON CONFLICT (channel_id, message_id, mentioned_user_id) DO NOTHING
), lost AS (
    INSERT INTO stage_loss (entity, kind, stream_id, occurrences, detail)
    SELECT 'mention', 'mention_outsider', message_id::text, 1, left(mentioned_user_id, 255) FROM outside
    RETURNING entity, kind
)
SELECT entity, kind, count(*) FROM lost GROUP BY entity, kind
