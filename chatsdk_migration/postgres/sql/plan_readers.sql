-- Members who joined in ChatSDK have no read position from Stream: history that arrives later is read for them.
INSERT INTO stage_reader (user_id, last_read, reads_all)
SELECT c.user_id, r.last_read, coalesce(r.reads_all, true)
FROM channel_member c
LEFT JOIN LATERAL (
    SELECT p.last_read, p.reads_all FROM chatsdk_migration.read_position p
    WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = c.user_id
    LIMIT 1
) r ON true
WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
