SELECT id::text, options FROM poll WHERE app_id = %(app)s AND id = ANY (%(polls)s::uuid[])
