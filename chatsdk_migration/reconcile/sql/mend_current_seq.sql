INSERT INTO channel_seq AS q (channel_id, app_id, current_seq)
SELECT %(channel)s::uuid, %(app)s::uuid, greatest(
    (SELECT max(m.seq) FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s),
    (SELECT max(coalesce(v.seq_loaded, v.seq)) FROM stage_verify_message v WHERE v.mapped), 0)
ON CONFLICT (channel_id) DO UPDATE SET current_seq = excluded.current_seq
