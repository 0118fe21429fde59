-- Sorted, so that loads running side by side cannot deadlock on shared people.
WITH arriving AS MATERIALIZED (
    SELECT DISTINCT ON (id) * FROM arriving_user ORDER BY id
), inserted AS (
    INSERT INTO app_user (app_id, id, name, image_url, custom_data, last_active_at, created_at, updated_at)
    SELECT %(app)s::uuid, id, name, image_url, custom_data, last_active_at, created_at, updated_at FROM arriving ORDER BY id
    ON CONFLICT (app_id, id) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
