DELETE FROM poll_vote o USING stage_verify_found f
WHERE f.category = 'votes' AND f.kind = 'extra' AND f.explained_by IS NULL
  AND o.app_id = %(app)s AND o.poll_id = f.target_id::uuid AND o.user_id = f.person AND o.option_id = f.item
