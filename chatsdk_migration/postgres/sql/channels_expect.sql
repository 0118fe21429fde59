UPDATE chatsdk_migration.channel_map m SET expected_messages = said.number
FROM unnest(%(cids)s::text[], %(numbers)s::bigint[]) AS said (cid, number)
WHERE m.app_id = %(app)s AND m.cid = said.cid AND m.expected_messages IS DISTINCT FROM said.number
