-- Ours by the map, and strayed into another channel of the app.
UPDATE message m SET channel_id = %(channel)s
FROM stage_verify_message v
WHERE v.wanted AND v.mapped AND NOT v.there AND NOT v.quarantined AND m.app_id = %(app)s AND m.id = v.id
