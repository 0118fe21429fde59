WITH linked AS (
    UPDATE message m
    SET parent_id = coalesce(m.parent_id, (SELECT l.parent_id FROM stage_link l WHERE l.id = m.id)),
        reply_to_id = coalesce(m.reply_to_id, (SELECT l.reply_to_id FROM stage_link l WHERE l.id = m.id))
    WHERE m.app_id = %(app)s
      AND m.id = ANY (ARRAY(SELECT l.id FROM stage_link l WHERE l.line > %(after)s AND l.line <= %(upto)s))
    RETURNING m.*
), digested AS (
    SELECT k.stream_id, chatsdk_migration.row_digest(l.user_id, l.attachments, l.parent_id, l.reply_to_id, l.poll_id,
                                                     l.created_at, l.edited_at, l.deleted_at) AS digest
    FROM linked l JOIN stage_known k ON k.id = l.id
)
-- Only a link that came with a later run was not in the digest yet.
UPDATE chatsdk_migration.message_map k
SET row_digest = d.digest
FROM digested d
WHERE k.app_id = %(app)s AND k.stream_id = d.stream_id AND k.row_digest IS NOT NULL AND k.row_digest <> d.digest
