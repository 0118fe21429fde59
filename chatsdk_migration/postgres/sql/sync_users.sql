-- Stream's changes of a person, where the person is as carried. last_active_at stays: it is ChatSDK's own since the load.
WITH source AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.*, chatsdk_migration.user_digest(s.name, s.image_url, s.custom_data) AS digest
    FROM arriving_user s ORDER BY s.id
), three AS MATERIALIZED (
    SELECT s.*, b.digest AS base, chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data) AS here
    FROM source s
    JOIN chatsdk_migration.carried_user b ON b.app_id = %(app)s AND b.user_id = s.id
    JOIN app_user u ON u.app_id = %(app)s AND u.id = s.id
), written AS (
    UPDATE app_user u
    SET name = t.name, image_url = t.image_url, custom_data = t.custom_data,
        updated_at = greatest(u.updated_at, t.updated_at)
    FROM three t
    WHERE u.app_id = %(app)s AND u.id = t.id AND t.here = t.base AND t.digest <> t.base
      AND chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data) = t.base
    RETURNING u.id, t.digest
), noted AS (
    UPDATE chatsdk_migration.carried_user b SET digest = t.digest
    FROM three t WHERE b.app_id = %(app)s AND b.user_id = t.id AND t.digest <> t.base AND t.here IN (t.base, t.digest)
), noticed AS (
    INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
    SELECT %(app)s::uuid, '', 'user', t.id, 'profile changed in Stream and in ChatSDK', %(now)s::timestamptz
    FROM three t WHERE t.digest <> t.base AND t.here <> t.base AND t.here <> t.digest
    ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
)
SELECT count(*) FROM written
