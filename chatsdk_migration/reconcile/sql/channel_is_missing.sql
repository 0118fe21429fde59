SELECT NOT EXISTS (SELECT FROM channel WHERE app_id = %(app)s AND id = %(channel)s)
