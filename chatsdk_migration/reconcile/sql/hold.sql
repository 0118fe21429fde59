-- In the order of the live server: the sequence row, then the channel row.
SELECT (SELECT current_seq FROM (SELECT current_seq FROM channel_seq WHERE app_id = %(app)s AND channel_id = %(channel)s FOR UPDATE) q),
       (SELECT updated_at FROM (SELECT updated_at FROM channel WHERE app_id = %(app)s AND id = %(channel)s FOR NO KEY UPDATE) c)::text
