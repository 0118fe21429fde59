-- Replies and quotes that arrived without their link, because the message they point to had been rejected.
WITH waiting AS MATERIALIZED (
    SELECT child.message_id AS id, l.kind, k.id AS target
    FROM stage_known k
    JOIN chatsdk_migration.loss l
        ON l.app_id = %(app)s AND l.cid = %(cid)s AND l.entity = 'message' AND l.detail = left(k.stream_id, 255)
        AND l.kind IN ('parent_not_carried', 'quote_not_carried')
    JOIN chatsdk_migration.message_map child
        ON child.app_id = %(app)s AND child.stream_id = l.stream_id AND child.channel_id = %(channel)s
    WHERE k.line IS NOT NULL AND k.present AND k.id <> child.message_id
)
UPDATE message m
SET parent_id = coalesce(m.parent_id, (SELECT w.target FROM waiting w WHERE w.id = m.id AND w.kind = 'parent_not_carried' LIMIT 1)),
    reply_to_id = coalesce(m.reply_to_id, (SELECT w.target FROM waiting w WHERE w.id = m.id AND w.kind = 'quote_not_carried' LIMIT 1))
WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.id = ANY (ARRAY(SELECT w.id FROM waiting w))
