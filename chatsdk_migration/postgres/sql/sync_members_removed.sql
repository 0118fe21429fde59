-- Channels from which somebody in ChatSDK took a member who is not listed as a conflict yet. Reads all members of the app.
SELECT DISTINCT k.cid FROM chatsdk_migration.channel_map k
JOIN chatsdk_migration.read_position b ON b.app_id = k.app_id AND b.channel_id = k.channel_id
WHERE k.app_id = %(app)s
  AND NOT EXISTS (SELECT FROM channel_member c WHERE c.app_id = b.app_id AND c.channel_id = b.channel_id AND c.user_id = b.user_id)
  AND EXISTS (SELECT FROM app_user u WHERE u.app_id = b.app_id AND u.id = b.user_id)
  AND NOT EXISTS (SELECT FROM chatsdk_migration.conflict c WHERE c.app_id = k.app_id AND c.cid = k.cid
                  AND c.entity = 'member' AND c.stream_id = b.user_id)
