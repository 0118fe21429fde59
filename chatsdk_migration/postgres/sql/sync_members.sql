-- Three sides: what was carried (the base), what Stream says now, what is here. A change in Stream is made where the row
-- is as it was carried; who left or changed in ChatSDK stays so. Read positions follow when all messages are in.
WITH source AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.* FROM stage_member s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
    ORDER BY s.user_id
), refused AS (
    SELECT r.stream_id FROM stage_reject r WHERE r.entity = 'member'
), base AS MATERIALIZED (
    SELECT r.* FROM chatsdk_migration.read_position r WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s
), there AS MATERIALIZED (
    SELECT c.user_id, c.role, coalesce(c.muted, false) AS muted, c.joined_at FROM channel_member c
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s
), joined AS (
    INSERT INTO channel_member (channel_id, app_id, user_id, role, muted, joined_at, unread_count, last_read_seq)
    SELECT %(channel)s::uuid, %(app)s::uuid, s.user_id, s.role, s.muted, s.joined_at, coalesce(s.unread_count, 0), 0
    FROM source s WHERE NOT EXISTS (SELECT FROM base b WHERE b.user_id = s.user_id) ORDER BY s.user_id
    ON CONFLICT (channel_id, app_id, user_id) DO NOTHING
    RETURNING user_id
), changed AS (
    UPDATE channel_member c
    SET role = CASE WHEN c.role = b.role THEN s.role ELSE c.role END,
        muted = CASE WHEN coalesce(c.muted, false) = b.muted THEN s.muted ELSE c.muted END,
        joined_at = CASE WHEN c.joined_at = b.joined_at THEN s.joined_at ELSE c.joined_at END
    FROM source s JOIN base b ON b.user_id = s.user_id
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.user_id
      AND ((c.role = b.role AND s.role <> b.role) OR (coalesce(c.muted, false) = b.muted AND s.muted <> b.muted)
           OR (c.joined_at = b.joined_at AND s.joined_at <> b.joined_at))
    RETURNING c.user_id
), gone AS (
    SELECT b.user_id, b.role, b.joined_at FROM base b
    WHERE NOT EXISTS (SELECT FROM source s WHERE s.user_id = b.user_id)
      AND NOT EXISTS (SELECT FROM refused r WHERE r.stream_id = b.user_id)
), removed AS (
    DELETE FROM channel_member c USING gone g
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = g.user_id
      AND c.joined_at IS NOT DISTINCT FROM g.joined_at AND c.role IS NOT DISTINCT FROM g.role
    RETURNING c.user_id
), forgotten AS (
    DELETE FROM chatsdk_migration.read_position r USING gone g
    WHERE r.app_id = %(app)s AND r.channel_id = %(channel)s AND r.user_id = g.user_id
      AND NOT EXISTS (SELECT FROM there t WHERE t.user_id = g.user_id
                      AND (t.joined_at IS DISTINCT FROM g.joined_at OR t.role IS DISTINCT FROM g.role))
    RETURNING r.user_id
), remembered AS (
    INSERT INTO chatsdk_migration.read_position AS r
        (app_id, channel_id, user_id, last_read, reads_all, role, muted, joined_at, unread_count)
    SELECT %(app)s::uuid, %(channel)s::uuid, s.user_id, s.last_read, s.reads_all, s.role, s.muted, s.joined_at, NULL
    FROM source s
    WHERE NOT EXISTS (SELECT FROM base b LEFT JOIN there t ON t.user_id = b.user_id
                      WHERE b.user_id = s.user_id AND t.role IS DISTINCT FROM b.role AND t.role IS DISTINCT FROM s.role
                        AND s.role <> b.role)
    ORDER BY s.user_id
    ON CONFLICT (app_id, channel_id, user_id) DO UPDATE
    SET role = excluded.role, muted = excluded.muted, joined_at = excluded.joined_at,
        -- Who left in Stream and joined there again has read there what it says now: nothing from before is kept.
        last_read = CASE WHEN r.joined_at <> excluded.joined_at THEN '-infinity' ELSE r.last_read END,
        reads_all = r.reads_all AND coalesce(r.joined_at = excluded.joined_at, true)
    WHERE (r.role, r.muted, r.joined_at) IS DISTINCT FROM (excluded.role, excluded.muted, excluded.joined_at)
), noticed AS (
    INSERT INTO stage_sync_conflict (entity, stream_id, what)
    SELECT 'member', s.user_id, 'role changed in Stream and in ChatSDK'
    FROM source s JOIN base b ON b.user_id = s.user_id JOIN there t ON t.user_id = s.user_id
    WHERE s.role <> b.role AND t.role <> b.role AND t.role <> s.role
    UNION ALL
    SELECT 'member', g.user_id, 'left in Stream, joined again or changed in ChatSDK'
    FROM gone g JOIN there t ON t.user_id = g.user_id
    WHERE t.joined_at IS DISTINCT FROM g.joined_at OR t.role IS DISTINCT FROM g.role
    UNION ALL
    SELECT 'member', s.user_id, 'in Stream, left or removed in ChatSDK'
    FROM source s JOIN base b ON b.user_id = s.user_id
    WHERE NOT EXISTS (SELECT FROM there t WHERE t.user_id = s.user_id)
)
SELECT coalesce((SELECT array_agg(user_id::text) FROM joined), '{}'), (SELECT count(*) FROM changed),
       (SELECT count(*) FROM removed), coalesce((SELECT array_agg(user_id::text) FROM forgotten), '{}')
