INSERT INTO message (id, channel_id, app_id, user_id, seq, text, attachments, parent_id, reply_to_id, reply_count, poll_id,
                     created_at, edited_at, deleted_at)
SELECT v.id, %(channel)s::uuid, %(app)s::uuid, s.user_id,
       CASE WHEN v.has_own THEN v.seq_loaded ELSE %(before)s::bigint + row_number() OVER (PARTITION BY v.has_own ORDER BY v.created_at, v.stream_id COLLATE "C") END,
       s.text, s.attachments,
       (SELECT m.id FROM message m WHERE m.app_id = %(app)s AND m.id = v.parent_id),
       (SELECT m.id FROM message m WHERE m.app_id = %(app)s AND m.id = v.reply_to_id),
       (SELECT count(*) FROM stage_verify_message r WHERE r.parent_id = v.id AND (r.wanted OR r.live)),
       (SELECT p.id FROM poll p WHERE p.app_id = %(app)s AND p.id = s.poll_id),
       s.created_at, s.edited_at, s.deleted_at
FROM (
    SELECT v.*, v.seq_loaded IS NOT NULL AND NOT EXISTS (
               SELECT FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s AND m.seq = v.seq_loaded
           ) AS has_own
    FROM stage_verify_message v
    WHERE v.wanted AND v.mapped AND NOT v.there AND NOT v.quarantined
      AND NOT EXISTS (SELECT FROM message m WHERE m.app_id = %(app)s AND m.id = v.id)
    ORDER BY v.created_at, v.stream_id COLLATE "C" LIMIT %(rows)s
) v
JOIN stage_message s ON s.ctid = v.line
RETURNING id
