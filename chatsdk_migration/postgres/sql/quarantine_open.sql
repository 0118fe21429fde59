-- The ids of open records by channel: people, then messages, then what hangs on them.
SELECT cid, array_agg(id ORDER BY coalesce(array_position(ARRAY['user', 'channel', 'message', 'member', 'poll'], entity), 9), id)
FROM chatsdk_migration.quarantine
WHERE app_id = %(app)s AND replayed_at IS NULL AND discarded_at IS NULL
  AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
  AND (%(entity)s::text IS NULL OR entity = %(entity)s)
  AND (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(cid)s::text IS NULL OR cid = %(cid)s)
GROUP BY cid ORDER BY cid
