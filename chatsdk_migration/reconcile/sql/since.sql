-- When the channel was carried first; what a version before this noted nothing about may all have been changed since.
SELECT coalesce(max(mapped_at), '-infinity')::text FROM chatsdk_migration.channel_map WHERE app_id = %(app)s AND channel_id = %(channel)s
