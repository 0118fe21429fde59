-- Sorted, so that loads running side by side insert shared people in the same order and cannot deadlock.
INSERT INTO app_user (app_id, id, name, image_url, custom_data, last_active_at, created_at, updated_at)
SELECT DISTINCT ON (s.id) %(app)s::uuid, s.id, s.name, s.image_url, s.custom_data, s.last_active_at, s.created_at, s.updated_at
FROM stage_user s
ORDER BY s.id
ON CONFLICT (app_id, id) DO NOTHING
