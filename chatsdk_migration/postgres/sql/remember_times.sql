-- Locked, and read after the sequence row is ours: no live send can come between this and the repair.
SELECT last_message_at, updated_at FROM channel WHERE app_id = %(app)s AND id = %(channel)s FOR NO KEY UPDATE
