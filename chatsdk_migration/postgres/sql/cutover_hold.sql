-- In the order of the live server, so that neither waits for the other: the sequence row, then the channel row. Whoever
-- is sending waits here for its end; whoever sends next finds the numbers set, and adds one.
SELECT (SELECT current_seq FROM (SELECT current_seq FROM channel_seq WHERE app_id = %(app)s AND channel_id = %(channel)s FOR UPDATE) q),
       (SELECT true FROM (SELECT FROM channel WHERE app_id = %(app)s AND id = %(channel)s FOR NO KEY UPDATE) c)
