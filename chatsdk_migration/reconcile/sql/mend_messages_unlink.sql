UPDATE message m
SET parent_id = CASE WHEN m.parent_id = ANY (%(ids)s) THEN NULL ELSE m.parent_id END,
    reply_to_id = CASE WHEN m.reply_to_id = ANY (%(ids)s) THEN NULL ELSE m.reply_to_id END
WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND (m.parent_id = ANY (%(ids)s) OR m.reply_to_id = ANY (%(ids)s))
