-- Which of these records are in the target; "first" to "third" are the parts of each one's key there.
SELECT one.number
FROM unnest(%(numbers)s::integer[], %(entities)s::text[], %(first)s::text[], %(second)s::text[], %(third)s::text[])
    AS one (number, entity, first, second, third)
WHERE CASE one.entity
    WHEN 'user' THEN EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = one.first)
    WHEN 'channel' THEN EXISTS (
        SELECT FROM chatsdk_migration.channel_map k JOIN channel c ON c.app_id = k.app_id AND c.id = k.channel_id
        WHERE k.app_id = %(app)s AND k.cid = one.first)
    WHEN 'message' THEN EXISTS (
        SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = one.first::uuid AND m.channel_id = %(channel)s)
    WHEN 'member' THEN EXISTS (
        SELECT FROM channel_member c WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = one.first)
    WHEN 'reaction' THEN EXISTS (
        SELECT FROM reaction r
        WHERE r.app_id = %(app)s AND r.message_id = one.first::uuid AND r.user_id = one.second AND r.emoji = one.third)
    WHEN 'mention' THEN EXISTS (SELECT FROM mention n WHERE n.app_id = %(app)s AND n.id = one.first::uuid)
    WHEN 'pin' THEN EXISTS (
        SELECT FROM pinned_message p
        WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.message_id = one.first::uuid)
    WHEN 'poll' THEN EXISTS (SELECT FROM poll p WHERE p.app_id = %(app)s AND p.id = one.first::uuid)
    WHEN 'vote' THEN EXISTS (
        SELECT FROM poll_vote v
        WHERE v.app_id = %(app)s AND v.poll_id = one.first::uuid AND v.user_id = one.second AND v.option_id = one.third)
    ELSE false
END
