SELECT coalesce(array_agg(field), '{}') FROM stage_verify_found WHERE category = 'counters' AND explained_by IS NULL
