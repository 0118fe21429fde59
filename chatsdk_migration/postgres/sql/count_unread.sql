-- Members without read state who shall find everything unread: all messages of others that are not deleted.
WITH waiting AS MATERIALIZED (
    SELECT c.user_id FROM channel_member c
    JOIN chatsdk_migration.read_position b ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = c.user_id
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND (c.unread_count = 0 OR b.unread_count IS NULL)
      AND coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
      AND EXISTS (SELECT FROM pg_temp.stage_member s WHERE s.user_id = c.user_id AND s.unread_count IS NULL)
), written AS MATERIALIZED (
    SELECT m.user_id, count(*) AS messages FROM message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.deleted_at IS NULL AND EXISTS (SELECT FROM waiting)
    GROUP BY m.user_id
), unread AS MATERIALIZED (
    SELECT w.user_id, (SELECT coalesce(sum(messages), 0) FROM written) - coalesce(o.messages, 0) AS messages
    FROM waiting w LEFT JOIN written o ON o.user_id = w.user_id
)
UPDATE channel_member c SET unread_count = u.messages
FROM unread u
WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = u.user_id AND c.unread_count <> u.messages
  AND coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
