-- Of what the map knows and the target has lost: how many need a new number, because theirs is unknown or taken.
SELECT count(*), count(*) FILTER (WHERE v.seq_loaded IS NULL OR EXISTS (
    SELECT FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq = v.seq_loaded))
FROM (
    SELECT * FROM stage_verify_message v
    WHERE v.wanted AND v.mapped AND NOT v.there AND NOT v.quarantined
      AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = v.id)
    ORDER BY v.created_at, v.stream_id COLLATE "C" LIMIT %(rows)s
) v
