-- Of how many channels that syncs follow there is no record of a category any more: the sync that changed it forgot it.
SELECT one.category, count(*)
FROM chatsdk_migration.channel_map c
JOIN channel h ON h.app_id = %(app)s AND h.id = c.channel_id
JOIN chatsdk_migration.watermark w ON w.app_id = c.app_id AND w.cid = c.cid
CROSS JOIN unnest(%(categories)s::text[]) WITH ORDINALITY one (category, place)
WHERE c.app_id = %(app)s AND c.mapped_at IS NOT NULL AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
  AND NOT EXISTS (SELECT FROM chatsdk_migration.channel_load l
                  WHERE l.app_id = c.app_id AND l.channel_id = c.channel_id AND l.category = one.category)
GROUP BY one.category, one.place
ORDER BY one.place
