SELECT id FROM channel WHERE app_id = %(app)s AND id = %(channel)s FOR NO KEY UPDATE
