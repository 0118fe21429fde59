DELETE FROM mention n USING stage_verify_found f
WHERE f.category = 'mentions' AND f.kind = 'extra' AND f.explained_by IS NULL AND n.app_id = %(app)s AND n.id = f.item::uuid
