SELECT coalesce(cid, ''), category, kind, stream_id, target_id, field, expected, found, explained_by FROM verify_app_found
ORDER BY explained_by NULLS FIRST, category, kind, cid, stream_id COLLATE "C", target_id, field LIMIT %(most)s
