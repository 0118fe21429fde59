SELECT category, kind, explained_by, count(*) FROM verify_app_found GROUP BY category, kind, explained_by
