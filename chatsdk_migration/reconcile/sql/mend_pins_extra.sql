DELETE FROM pinned_message p USING stage_verify_found f
WHERE f.category = 'pins' AND f.kind = 'extra' AND f.explained_by IS NULL
  AND p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.message_id = f.target_id::uuid
