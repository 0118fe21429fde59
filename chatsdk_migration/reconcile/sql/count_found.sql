SELECT category, kind, explained_by, count(*) FROM stage_verify_found GROUP BY category, kind, explained_by
