SELECT category, kind, stream_id, target_id, field, expected, found, explained_by FROM stage_verify_found
ORDER BY explained_by NULLS FIRST, category, kind, stream_id COLLATE "C", target_id, field LIMIT %(most)s
