-- Messages of the channel that were carried, by Stream id: as much of each as what hangs on it needs to know.
SELECT k.stream_id, m.id::text, m.user_id, m.poll_id::text,
       to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), m.deleted_at::text
FROM chatsdk_migration.message_map k
JOIN message m ON m.app_id = k.app_id AND m.id = k.message_id
WHERE k.app_id = %(app)s AND k.channel_id = %(channel)s AND k.stream_id = ANY (%(stream_ids)s::text[])
  AND m.channel_id = %(channel)s
