-- Before messages are loaded that are new: they are counted when all is done. What an earlier sync left uncounted stays so.
UPDATE chatsdk_migration.channel_map c SET uncounted_since = now()
WHERE c.app_id = %(app)s AND c.cid = %(cid)s AND c.uncounted_since IS NULL
  AND EXISTS (SELECT FROM stage_message s
              WHERE (SELECT b.message_id FROM chatsdk_migration.message_map b
                     WHERE b.app_id = %(app)s AND b.stream_id = s.stream_id) IS NULL)
