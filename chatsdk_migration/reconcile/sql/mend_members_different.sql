UPDATE channel_member c
SET role = CASE WHEN 'role' = ANY (f.fields) THEN f.role ELSE c.role END,
    muted = CASE WHEN 'muted' = ANY (f.fields) THEN f.muted ELSE c.muted END,
    joined_at = CASE WHEN 'joined_at' = ANY (f.fields) THEN f.joined_at ELSE c.joined_at END
FROM (
    SELECT s.user_id, s.role, s.muted, s.joined_at, array_agg(d.field) AS fields
    FROM stage_verify_found d JOIN (SELECT DISTINCT ON (user_id) * FROM stage_member ORDER BY user_id) s ON s.user_id = d.person
    WHERE d.category = 'members' AND d.kind = 'different' AND d.explained_by IS NULL
    GROUP BY s.user_id, s.role, s.muted, s.joined_at
) f
WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = f.user_id
