-- What is missing or too many is named itself, once; a counter may have counted it or not.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found)
WITH ought AS (
    SELECT count(*) FILTER (WHERE v.there AND (v.wanted OR v.live)) AS sound,
           count(*) FILTER (WHERE v.wanted AND NOT v.there AND NOT v.quarantined) AS missing,
           count(*) FILTER (WHERE v.there AND NOT v.wanted AND NOT v.live) AS extra,
           max(v.created_at) FILTER (WHERE v.there OR (v.wanted AND NOT v.quarantined)) AS newest,
           max(v.seq) AS seq_there,
           max(coalesce(v.seq_loaded, v.seq)) FILTER (WHERE v.wanted OR v.live OR v.mapped) AS seq
    FROM stage_verify_message v
), people AS (
    SELECT count(*) FILTER (WHERE f.kind = 'missing' AND f.explained_by IS NULL) AS missing,
           count(*) FILTER (WHERE f.kind = 'extra' AND f.explained_by IS NULL) AS extra
    FROM stage_verify_found f WHERE f.category = 'members' AND f.kind IN ('missing', 'extra')
), members AS (
    SELECT count(*) AS rows FROM channel_member m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
), newest AS (
    SELECT max(m.created_at) AS at FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
)
SELECT 'counters', 'different', %(cid)s, c.id::text, f.field, f.ought, f.found
FROM channel c
LEFT JOIN channel_seq q ON q.app_id = %(app)s AND q.channel_id = c.id
CROSS JOIN ought CROSS JOIN people CROSS JOIN members CROSS JOIN newest
CROSS JOIN LATERAL (VALUES
    ('message_count', (ought.sound + ought.missing)::text, coalesce(c.message_count, 0)::text,
     coalesce(c.message_count, 0) BETWEEN ought.sound AND ought.sound + ought.missing + ought.extra),
    ('member_count', (members.rows - people.extra + people.missing)::text, coalesce(c.member_count, 0)::text,
     coalesce(c.member_count, 0) BETWEEN members.rows - people.extra AND members.rows + people.missing),
    ('last_message_at', ought.newest::text, c.last_message_at::text,
     c.last_message_at IS NOT DISTINCT FROM ought.newest OR c.last_message_at IS NOT DISTINCT FROM newest.at),
    ('current_seq', coalesce(ought.seq, 0)::text, coalesce(q.current_seq, 0)::text,
     coalesce(q.current_seq, 0) IN (coalesce(ought.seq, 0), coalesce(ought.seq_there, 0)))
) f (field, ought, found, fits)
WHERE c.app_id = %(app)s AND c.id = %(channel)s AND f.fits IS NOT TRUE
