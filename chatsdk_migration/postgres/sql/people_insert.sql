-- Sorted, so that loads running side by side cannot deadlock on shared people. Who was met before is not brought again.
WITH arriving AS MATERIALIZED (
    SELECT DISTINCT ON (id) * FROM arriving_user ORDER BY id
), fresh AS MATERIALIZED (
    SELECT * FROM arriving a
    WHERE %(restore)s OR NOT EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = a.id)
), inserted AS (
    INSERT INTO app_user (app_id, id, name, image_url, custom_data, last_active_at, created_at, updated_at)
    SELECT %(app)s::uuid, id, name, image_url, custom_data, last_active_at, created_at, updated_at FROM fresh ORDER BY id
    ON CONFLICT (app_id, id) DO NOTHING
    RETURNING id, name, image_url, custom_data
), noted AS (
    INSERT INTO chatsdk_migration.carried_user (app_id, user_id, digest, banned, listed)
    SELECT %(app)s::uuid, f.id, CASE WHEN i.id IS NOT NULL
                                THEN chatsdk_migration.user_digest(i.name, i.image_url, i.custom_data) END,
           coalesce(i.custom_data ? 'banned', false), %(listed)s
    FROM fresh f LEFT JOIN inserted i ON i.id = f.id
    -- Noted is who is there now: somebody the database kept out has not been carried.
    WHERE i.id IS NOT NULL OR EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.id)
    ORDER BY f.id
    ON CONFLICT (app_id, user_id) DO NOTHING
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
