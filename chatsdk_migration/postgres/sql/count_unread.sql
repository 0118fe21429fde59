-- Members without read state who shall find everything unread: all messages of others that are not deleted.
UPDATE channel_member c
SET unread_count = (
    SELECT count(*) FROM message m
    WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.user_id <> c.user_id AND m.deleted_at IS NULL
)
WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.unread_count = 0
  AND coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
  AND EXISTS (SELECT FROM pg_temp.stage_member s WHERE s.user_id = c.user_id AND s.unread_count IS NULL)
