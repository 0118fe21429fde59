-- One row for each migrated channel. A channel that was deleted in ChatSDK since has no type.
WITH members AS (
    SELECT channel_id, count(*) AS number FROM channel_member WHERE app_id = %(app)s GROUP BY channel_id
), messages AS (
    SELECT m.channel_id, count(map.message_id) AS carried, count(*) - count(map.message_id) AS own
    FROM message m
    LEFT JOIN chatsdk_migration.message_map map ON map.app_id = m.app_id AND map.message_id = m.id
    WHERE m.app_id = %(app)s GROUP BY m.channel_id
), reactions AS (
    SELECT m.channel_id, count(*) AS number
    FROM reaction r JOIN message m ON m.id = r.message_id AND m.app_id = r.app_id
    WHERE r.app_id = %(app)s GROUP BY m.channel_id
), source AS (
    SELECT cid, sum(messages)::bigint AS number FROM chatsdk_migration.source_month WHERE app_id = %(app)s GROUP BY cid
), withheld AS (
    SELECT cid, sum(occurrences)::bigint AS number FROM chatsdk_migration.loss
    WHERE app_id = %(app)s AND entity = 'message' AND kind = ANY (%(withheld)s) GROUP BY cid
), rejected AS (
    SELECT cid, count(*) AS number FROM chatsdk_migration.quarantine
    WHERE app_id = %(app)s AND entity = 'message' AND replayed_at IS NULL GROUP BY cid
)
SELECT map.cid, coalesce(channel.type, '') AS type, coalesce(members.number, 0), source.number,
       coalesce(messages.carried, 0), coalesce(messages.own, 0), coalesce(withheld.number, 0),
       coalesce(rejected.number, 0), coalesce(reactions.number, 0)
FROM chatsdk_migration.channel_map map
LEFT JOIN channel ON channel.id = map.channel_id AND channel.app_id = map.app_id
LEFT JOIN members ON members.channel_id = map.channel_id
LEFT JOIN messages ON messages.channel_id = map.channel_id
LEFT JOIN reactions ON reactions.channel_id = map.channel_id
LEFT JOIN source ON source.cid = map.cid
LEFT JOIN withheld ON withheld.cid = map.cid
LEFT JOIN rejected ON rejected.cid = map.cid
WHERE map.app_id = %(app)s
ORDER BY map.cid COLLATE "C"
