-- What the repair left is what counts from now on.
UPDATE chatsdk_migration.message_map k
SET text_digest = hashtextextended(m.text, 0),
    row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                              m.edited_at, m.deleted_at),
    given_seq = m.seq, removed_at = NULL, loaded_at = CASE WHEN %(anew)s THEN now() ELSE k.loaded_at END
FROM message m
WHERE k.app_id = %(app)s AND k.channel_id = %(channel)s AND k.message_id = ANY (%(ids)s)
  AND m.app_id = %(app)s AND m.id = k.message_id
