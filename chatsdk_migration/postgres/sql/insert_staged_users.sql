-- Sorted, so that loads running side by side insert shared people in the same order and cannot deadlock. Who was met
-- before is not brought again.
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.* FROM stage_user s
    WHERE %(restore)s
       OR (SELECT k.user_id FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = s.id) IS NULL
    ORDER BY s.id
), inserted AS (
    INSERT INTO app_user (app_id, id, name, image_url, custom_data, last_active_at, created_at, updated_at)
    SELECT %(app)s::uuid, id, name, image_url, custom_data, last_active_at, created_at, updated_at FROM fresh ORDER BY id
    ON CONFLICT (app_id, id) DO NOTHING
    RETURNING id, name, image_url, custom_data
)
INSERT INTO chatsdk_migration.carried_user (app_id, user_id, digest, banned)
SELECT %(app)s::uuid, f.id, CASE WHEN i.id IS NOT NULL
                            THEN chatsdk_migration.user_digest(i.name, i.image_url, i.custom_data) END,
       coalesce(i.custom_data ? 'banned', false)
FROM fresh f LEFT JOIN inserted i ON i.id = f.id
-- Noted is who is there now: somebody the database kept out has not been carried.
WHERE i.id IS NOT NULL OR (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.id) IS NOT NULL
ORDER BY f.id
ON CONFLICT (app_id, user_id) DO NOTHING
