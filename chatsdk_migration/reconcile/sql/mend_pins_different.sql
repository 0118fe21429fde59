UPDATE pinned_message p SET pinned_by = s.pinned_by, pinned_at = s.pinned_at
FROM stage_verify_found f JOIN stage_pin s ON s.message_id = f.target_id::uuid
WHERE f.category = 'pins' AND f.kind = 'different' AND f.explained_by IS NULL
  AND p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.message_id = s.message_id
