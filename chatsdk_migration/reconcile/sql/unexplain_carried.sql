-- What came with a sync is later than the first load too: a person in ChatSDK has done something only where the row is not
-- as the migration left it.
UPDATE stage_verify_found f
SET explained_by = NULL
WHERE f.explained_by = 'live' AND f.kind <> 'missing' AND CASE f.category
    WHEN 'reactions' THEN EXISTS (
        SELECT FROM reaction r JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = r.message_id
        WHERE r.app_id = %(app)s AND r.message_id = f.target_id::uuid AND r.user_id = f.person AND r.emoji = f.item
          AND chatsdk_migration.item_digest('reaction', r.user_id, r.emoji, r.created_at) = ANY (b.items))
    WHEN 'votes' THEN EXISTS (
        SELECT FROM poll_vote v JOIN poll p ON p.app_id = %(app)s AND p.id = v.poll_id
        JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = p.message_id
        WHERE v.app_id = %(app)s AND v.poll_id = f.target_id::uuid AND v.user_id = f.person AND v.option_id = f.item
          AND chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at) = ANY (b.items))
    WHEN 'pins' THEN EXISTS (
        SELECT FROM pinned_message n JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = n.message_id
        WHERE n.app_id = %(app)s AND n.channel_id = %(channel)s AND n.message_id = f.target_id::uuid
          AND chatsdk_migration.item_digest('pin', n.pinned_by, NULL, n.pinned_at) = ANY (b.items))
    WHEN 'mentions' THEN EXISTS (
        SELECT FROM chatsdk_migration.carried b
        WHERE b.app_id = %(app)s AND b.message_id = f.target_id::uuid
          AND chatsdk_migration.item_digest('mention', f.person, NULL, NULL) = ANY (b.items))
    WHEN 'polls' THEN EXISTS (
        SELECT FROM poll p JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = p.message_id
        WHERE p.app_id = %(app)s AND p.id = f.target_id::uuid
          AND chatsdk_migration.poll_digest(p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at) = ANY (b.items))
    WHEN 'members' THEN EXISTS (
        SELECT FROM chatsdk_migration.read_position b
        JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = b.user_id
        WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = f.person
          AND (c.role, c.joined_at) IS NOT DISTINCT FROM (b.role, b.joined_at)
          AND (f.field IS DISTINCT FROM 'muted' OR coalesce(c.muted, false) = b.muted))
    WHEN 'channel' THEN EXISTS (
        SELECT FROM chatsdk_migration.channel_map k JOIN channel c ON c.app_id = %(app)s AND c.id = k.channel_id
        WHERE k.app_id = %(app)s AND k.cid = %(cid)s AND k.carried ? f.field
          AND k.carried -> f.field = jsonb_build_object('name', c.name, 'image_url', c.image_url, 'config', c.config) -> f.field)
    ELSE false END
