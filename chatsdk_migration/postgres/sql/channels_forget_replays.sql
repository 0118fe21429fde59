-- The channel begins anew: what a replay had loaded into it is gone with it.
DELETE FROM chatsdk_migration.quarantine q
USING chatsdk_migration.channel_map k
WHERE k.app_id = %(app)s AND k.channel_id = ANY (%(channels)s)
  AND q.app_id = k.app_id AND q.cid = k.cid AND q.replayed_at IS NOT NULL
