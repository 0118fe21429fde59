INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
SELECT DISTINCT ON (s.message_id) %(channel)s::uuid, s.message_id, %(app)s::uuid, s.pinned_by, s.pinned_at
FROM stage_verify_found f JOIN stage_pin s ON s.message_id = f.target_id::uuid
WHERE f.category = 'pins' AND f.kind = 'missing' AND f.explained_by IS NULL
ORDER BY s.message_id
ON CONFLICT (channel_id, message_id) DO NOTHING
