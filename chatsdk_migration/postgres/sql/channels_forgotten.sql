-- Channels that were carried before and whose row is gone: the operator removed them to have them again.
SELECT array_agg(k.channel_id) FROM chatsdk_migration.channel_map k
WHERE k.app_id = %(app)s AND k.channel_id = ANY (%(created)s)
