-- What people lost whom no list names: counted where they are met first, and once. Who is listed was counted there.
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT s.id FROM stage_user s
    WHERE (SELECT k.user_id FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = s.id) IS NULL
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.id) IS NULL
), told AS (
    INSERT INTO chatsdk_migration.loss (app_id, cid, entity, kind, stream_id, occurrences, detail)
    SELECT DISTINCT ON (l.kind, l.stream_id) %(app)s::uuid, %(cid)s, 'user', l.kind, l.stream_id, 1, l.detail
    FROM stage_loss l JOIN fresh f ON f.id = l.stream_id
    WHERE l.entity = 'embedded_user'
    ORDER BY l.kind, l.stream_id, l.detail
    ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
    RETURNING kind
), done AS (
    DELETE FROM stage_loss WHERE entity = 'embedded_user'
)
SELECT 'user', kind, count(*) FROM told GROUP BY kind
