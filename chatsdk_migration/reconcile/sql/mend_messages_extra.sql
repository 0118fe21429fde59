DELETE FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.id = ANY (%(ids)s)
