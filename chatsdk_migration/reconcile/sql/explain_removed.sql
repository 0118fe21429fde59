-- Whoever may remove others removes a member without a trace of the removed one's own. It is explained where such a person
-- has been here since, and the channel counts its members without the one who is missing: ChatSDK's server counts them
-- as it removes one, and a row that was lost is still counted. A sync lists what is left of them, whoever was here.
UPDATE stage_verify_found f
SET explained_by = 'live'
WHERE f.explained_by IS NULL AND f.category = 'members' AND f.kind = 'missing'
  AND EXISTS (SELECT FROM chatsdk_migration.read_position p
              WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = f.person)
  AND (SELECT coalesce(c.member_count, 0) FROM channel c WHERE c.app_id = %(app)s AND c.id = %(channel)s)
      = (SELECT count(*) FROM channel_member m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s)
  AND EXISTS (SELECT FROM channel_member m JOIN app_user u ON u.app_id = %(app)s AND u.id = m.user_id
              WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.role IN ('moderator', 'admin', 'owner')
                AND u.last_active_at > greatest(%(since)s, (
                    -- whom a sync brought comes with Stream's time
                    SELECT max(p.loaded_at) FROM chatsdk_migration.read_position p
                    WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = u.id))
                AND u.last_active_at <= now())
