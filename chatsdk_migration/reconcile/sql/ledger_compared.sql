WITH chosen AS (
    SELECT c.cid, c.channel_id FROM chatsdk_migration.channel_map c
    WHERE c.app_id = %(app)s AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
)
SELECT 'channel', count(*) FROM chosen
UNION ALL
SELECT 'messages', count(*) FROM chosen JOIN chatsdk_migration.message_map k USING (channel_id) WHERE k.app_id = %(app)s
UNION ALL
SELECT 'members', count(*) FROM chosen JOIN chatsdk_migration.read_position p USING (channel_id) WHERE p.app_id = %(app)s
UNION ALL
SELECT l.category, sum(l.rows)::bigint FROM chosen JOIN chatsdk_migration.channel_load l USING (channel_id)
WHERE l.app_id = %(app)s GROUP BY l.category
