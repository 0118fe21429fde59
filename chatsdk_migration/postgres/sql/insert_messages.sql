-- A parent or quoted message of a later chunk is linked when all chunks are in.
INSERT INTO message (id, channel_id, app_id, user_id, seq, text, attachments, parent_id, reply_to_id, reply_count,
                     poll_id, created_at, edited_at, deleted_at, deleted_by)
SELECT p.id, %(channel)s::uuid, %(app)s::uuid, p.user_id, %(before)s::bigint + p.rank - %(after)s, p.text, p.attachments,
       CASE WHEN p.parent_rank IS NULL OR p.parent_rank <= %(upto)s THEN p.parent_id END,
       CASE WHEN p.reply_to_rank IS NULL OR p.reply_to_rank <= %(upto)s THEN p.reply_to_id END,
       p.reply_count, p.poll_id, p.created_at, p.edited_at, p.deleted_at, NULL
FROM stage_plan p
WHERE p.rank > %(after)s AND p.rank <= %(upto)s
ORDER BY p.rank
