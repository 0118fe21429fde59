-- Stream's changes of a person, where the person is as carried. last_active_at stays: it is ChatSDK's own since the load.
-- So is the right of an administrator, which never comes from Stream: whoever was given it here follows Stream in all else.
WITH source AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.*, chatsdk_migration.user_digest(s.name, s.image_url, s.custom_data) AS digest
    FROM arriving_user s ORDER BY s.id
), three AS MATERIALIZED (
    SELECT s.*, b.digest AS base, chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data - 'is_admin') AS here
    FROM source s
    JOIN chatsdk_migration.carried_user b ON b.app_id = %(app)s AND b.user_id = s.id
    JOIN app_user u ON u.app_id = %(app)s AND u.id = s.id
), conflicting AS MATERIALIZED (
    SELECT t.id FROM three t WHERE t.digest <> t.base AND t.here <> t.base AND t.here <> t.digest
), written AS (
    UPDATE app_user u
    SET name = t.name, image_url = t.image_url,
        custom_data = t.custom_data || CASE WHEN u.custom_data ? 'is_admin'
                                       THEN jsonb_build_object('is_admin', u.custom_data -> 'is_admin') ELSE '{}' END,
        updated_at = greatest(u.updated_at, t.updated_at)
    FROM three t
    WHERE u.app_id = %(app)s AND u.id = t.id AND t.here = t.base AND t.digest <> t.base
      AND chatsdk_migration.user_digest(u.name, u.image_url, u.custom_data - 'is_admin') = t.base
    RETURNING u.id, t.digest
), noted AS (
    -- What was not followed stays as it was, so that it is looked at again.
    UPDATE chatsdk_migration.carried_user b SET digest = t.digest, banned = t.custom_data ? 'banned', listed = %(listed)s
    FROM three t
    WHERE b.app_id = %(app)s AND b.user_id = t.id AND t.base IS NOT NULL AND (t.here = t.base OR t.here = t.digest)
      AND (b.digest, b.banned, b.listed) IS DISTINCT FROM (t.digest, t.custom_data ? 'banned', %(listed)s)
), solved AS (
    DELETE FROM chatsdk_migration.conflict k USING source s
    WHERE k.app_id = %(app)s AND k.cid = '' AND k.entity = 'user' AND k.stream_id = s.id
      AND s.id NOT IN (SELECT id FROM conflicting)
), noticed AS (
    INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
    SELECT %(app)s::uuid, '', 'user', c.id, 'profile changed in Stream and in ChatSDK', %(now)s::timestamptz FROM conflicting c
    ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
)
SELECT count(*) FROM written
