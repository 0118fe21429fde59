SELECT k.cid FROM chatsdk_migration.channel_map k
WHERE k.app_id = %(app)s AND EXISTS (
    SELECT FROM message m WHERE m.app_id = k.app_id AND m.channel_id = k.channel_id AND m.user_id = ANY (%(people)s::text[])
)
