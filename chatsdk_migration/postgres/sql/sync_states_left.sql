-- Who left in Stream is shown nothing of the channel any more: neither the state of a message nor a mention, whoever made
-- it. Mentions that came from Stream are kept for when the person joins again.
WITH states AS (
    DELETE FROM user_message u USING message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
      AND u.app_id = m.app_id AND u.message_id = m.id AND u.user_id = ANY (%(users)s)
), mentions AS (
    DELETE FROM mention n USING message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
      AND n.app_id = m.app_id AND n.message_id = m.id AND n.mentioned_user_id = ANY (%(users)s)
    RETURNING n.id, n.message_id, n.mentioned_user_id, n.mentioner_user_id, coalesce(n.created_at, m.created_at) AS created_at,
              chatsdk_migration.item_digest('mention', n.mentioned_user_id, NULL, NULL) AS digest
), carried AS MATERIALIZED (
    SELECT n.* FROM mentions n
    JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = n.message_id AND n.digest = ANY (b.items)
), kept AS (
    INSERT INTO chatsdk_migration.withheld_mention
        (app_id, channel_id, id, message_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT %(app)s::uuid, %(channel)s::uuid, n.id, n.message_id, n.mentioned_user_id, n.mentioner_user_id,
           n.created_at
    FROM carried n
    ORDER BY n.message_id, n.mentioned_user_id
    ON CONFLICT (channel_id, message_id, mentioned_user_id) DO NOTHING
), forgotten AS (
    UPDATE chatsdk_migration.carried b
    SET items = ARRAY(SELECT one FROM unnest(b.items) one WHERE one NOT IN (SELECT n.digest FROM carried n WHERE n.message_id = b.message_id))
    WHERE b.app_id = %(app)s AND b.message_id IN (SELECT message_id FROM carried)
), unrecorded AS (
    -- The load's record of the channel's mentions would take this for damage.
    DELETE FROM chatsdk_migration.channel_load l
    USING chatsdk_migration.channel_map k
    WHERE l.app_id = %(app)s AND l.channel_id = %(channel)s AND l.category = 'mentions'
      AND k.app_id = %(app)s AND k.cid = %(cid)s AND EXISTS (SELECT FROM carried n WHERE n.created_at < k.mapped_at)
)
SELECT count(*) FROM mentions
