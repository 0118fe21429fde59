-- Both sides came to say the same by themselves.
UPDATE chatsdk_migration.message_map b
SET text_digest = hashtextextended(m.text, 0), gone_at = NULL,
    row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                              m.edited_at, m.deleted_at)
FROM stage_sync_change c JOIN message m ON m.app_id = %(app)s AND m.id = c.id
WHERE c.verdict = 'settled' AND b.app_id = %(app)s AND b.stream_id = c.stream_id
