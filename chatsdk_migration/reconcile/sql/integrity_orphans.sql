-- What points to a message, poll or person that is not there; foreign keys prevent it until somebody switches them off.
INSERT INTO verify_app_found (category, kind, target_id, field, found)
SELECT 'integrity', 'extra', o.id::text, o.field, o.found
FROM (
    SELECT r.message_id AS id, 'orphan reaction' AS field, r.user_id || ' ' || r.emoji AS found FROM reaction r
    WHERE r.app_id = %(app)s AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = r.message_id)
    UNION ALL
    SELECT n.message_id, 'orphan mention', n.mentioned_user_id FROM mention n
    WHERE n.app_id = %(app)s AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = n.message_id)
    UNION ALL
    SELECT p.message_id, 'orphan pin', p.pinned_by FROM pinned_message p
    WHERE p.app_id = %(app)s AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = p.message_id
                                             AND m.channel_id = p.channel_id)
    UNION ALL
    SELECT u.message_id, 'orphan message state', u.user_id FROM user_message u
    WHERE u.app_id = %(app)s AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = u.message_id)
    UNION ALL
    SELECT v.poll_id, 'orphan vote', v.user_id FROM poll_vote v
    WHERE v.app_id = %(app)s AND NOT EXISTS (SELECT FROM poll p WHERE p.app_id = %(app)s AND p.id = v.poll_id)
) o
WHERE NOT EXISTS (SELECT FROM chatsdk_migration.message_map k WHERE k.app_id = %(app)s AND k.message_id = o.id)
