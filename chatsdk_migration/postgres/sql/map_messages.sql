-- With digests of the row as planned, its links included, which are made at the end at the latest.
INSERT INTO chatsdk_migration.message_map (app_id, stream_id, message_id, channel_id, rank, text_digest, row_digest)
SELECT %(app)s::uuid, p.stream_id, p.id, %(channel)s::uuid, p.rank, hashtextextended(p.text, 0),
       chatsdk_migration.row_digest(p.user_id, p.attachments, p.parent_id, p.reply_to_id, p.poll_id, p.created_at,
                                    p.edited_at, p.deleted_at)
FROM stage_plan p
WHERE p.rank > %(after)s AND p.rank <= %(upto)s
