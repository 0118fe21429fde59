UPDATE message m
SET parent_id = coalesce(m.parent_id, (SELECT l.parent_id FROM stage_link l WHERE l.id = m.id)),
    reply_to_id = coalesce(m.reply_to_id, (SELECT l.reply_to_id FROM stage_link l WHERE l.id = m.id))
WHERE m.app_id = %(app)s
  AND m.id = ANY (ARRAY(SELECT l.id FROM stage_link l WHERE l.line > %(after)s AND l.line <= %(upto)s))
