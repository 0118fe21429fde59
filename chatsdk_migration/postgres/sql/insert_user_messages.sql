-- What the live server writes for each member; 1 is "read", 2 is "mentioned". New ids cannot conflict.
INSERT INTO user_message (user_id, app_id, message_id, flags)
SELECT r.user_id, %(app)s::uuid, p.id, state.read + state.mentioned
FROM stage_reader r
CROSS JOIN stage_plan p
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.reads_all OR p.created_at <= r.last_read OR p.user_id = r.user_id THEN 1 ELSE 0 END AS read,
           CASE WHEN r.user_id = ANY (p.mentioned) THEN 2 ELSE 0 END AS mentioned
) state
WHERE p.rank > %(after)s AND p.rank <= %(upto)s
  AND (%(everything)s OR state.read = 0 OR state.mentioned = 2)
