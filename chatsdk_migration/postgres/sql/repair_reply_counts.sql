UPDATE message parent
SET reply_count = (SELECT count(*) FROM message r
                   WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.parent_id = parent.id)
WHERE parent.app_id = %(app)s AND parent.channel_id = %(channel)s AND parent.id = ANY (%(parents)s)
