-- A direct message is between two people. The list of channels showed two here; whoever has joined since makes it a group,
-- before they can read in it. Untouched are channels that ChatSDK changed or wrote in, which are its own by now.
WITH people AS (
    SELECT user_id::text FROM stage_member
    UNION SELECT stream_id FROM stage_reject WHERE entity = 'member'
    UNION SELECT user_id FROM chatsdk_migration.read_position WHERE app_id = %(app)s AND channel_id = %(channel)s
    UNION SELECT user_id FROM channel_member WHERE app_id = %(app)s AND channel_id = %(channel)s
), ours AS (
    SELECT k.cid, count.people FROM chatsdk_migration.channel_map k
    JOIN channel c ON c.app_id = k.app_id AND c.id = k.channel_id
    CROSS JOIN LATERAL (SELECT count(*) AS people FROM people) count
    WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND c.type = 'messaging'
      AND coalesce(k.carried ->> 'type', 'messaging') = 'messaging'
      AND CASE WHEN count.people = 2 THEN false ELSE NOT EXISTS (
          SELECT FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
            AND m.id NOT IN (SELECT o.message_id FROM chatsdk_migration.message_map o
                             WHERE o.app_id = %(app)s AND o.channel_id = %(channel)s)) END
), made AS (
    -- The cid under which ChatSDK looks a direct message up is for two as well.
    UPDATE channel c SET type = 'group', cid = CASE WHEN c.cid LIKE 'messaging:dm:%%' THEN o.cid ELSE c.cid END
    FROM ours o WHERE c.app_id = %(app)s AND c.id = %(channel)s
    RETURNING o.people
), remembered AS (
    UPDATE chatsdk_migration.channel_map k SET carried = k.carried || '{"type": "group"}'
    WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND EXISTS (SELECT FROM made)
), told AS (
    INSERT INTO chatsdk_migration.loss (app_id, cid, entity, kind, stream_id, occurrences, detail)
    SELECT %(app)s::uuid, '', 'channel', 'channel_not_two_people', %(cid)s, 1, people || ' members' FROM made
    ON CONFLICT (app_id, cid, entity, kind, stream_id) DO UPDATE SET detail = excluded.detail
)
SELECT 'channel', 'channel_not_two_people', count(*) FROM made HAVING count(*) > 0
