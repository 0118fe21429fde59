-- What somebody took away themselves leaves no trace of its own: it is explained by their having been here since, and by
-- its having been carried before, where that is known. What never was carried, nobody here can have taken away.
WITH sought AS MATERIALIZED (
    SELECT category, stream_id, target_id, person, item FROM stage_verify_found
    WHERE explained_by IS NULL AND kind = 'missing' AND category IN ('reactions', 'votes', 'pins')
), there AS (
    SELECT f.*, v.id AS message_id, chatsdk_migration.item_digest('reaction', s.user_id, s.emoji, s.created_at) AS digest
    FROM sought f JOIN stage_verify_message v ON v.stream_id = f.stream_id
    JOIN stage_reaction s ON s.message_id = v.id AND s.user_id = f.person AND s.emoji = f.item
    WHERE f.category = 'reactions'
    UNION ALL
    SELECT f.*, v.id, chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at)
    FROM sought f JOIN stage_verify_message v ON v.stream_id = f.stream_id
    JOIN stage_vote s ON s.poll_id = f.target_id::uuid AND s.user_id = f.person AND s.option_id = f.item
    WHERE f.category = 'votes'
    UNION ALL
    SELECT f.*, v.id, chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at)
    FROM sought f JOIN stage_verify_message v ON v.stream_id = f.stream_id
    JOIN stage_pin s ON s.message_id = v.id AND s.pinned_by = f.person
    WHERE f.category = 'pins'
), never AS MATERIALIZED (
    SELECT t.category, t.stream_id, t.person, t.item FROM there t
    LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = t.message_id
    GROUP BY t.category, t.stream_id, t.person, t.item
    HAVING NOT bool_or(coalesce(t.digest = ANY (b.items), false))
)
UPDATE stage_verify_found f
SET explained_by = CASE
    WHEN EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person) THEN 'live'
    WHEN EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = f.person) THEN 'person_removed'
    ELSE 'quarantined' END
WHERE f.explained_by IS NULL AND f.person IS NOT NULL
  AND ((f.kind = 'missing' AND f.category IN ('members', 'reactions', 'votes', 'pins', 'mentions', 'polls', 'messages')
        AND NOT EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person))
    OR (((f.kind = 'missing' AND f.category IN ('members', 'reactions', 'votes', 'pins'))
         OR (f.category = 'members' AND f.field = 'muted'))
        AND NOT EXISTS (SELECT FROM never n WHERE n.category = f.category AND n.stream_id = f.stream_id
                        AND n.person = f.person AND n.item IS NOT DISTINCT FROM f.item)
        AND (EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = f.person
                     AND u.last_active_at > greatest(%(since)s, (
                         -- whom a sync brought comes with Stream's time
                         SELECT max(p.loaded_at) FROM chatsdk_migration.read_position p
                         WHERE p.app_id = %(app)s AND p.channel_id = %(channel)s AND p.user_id = u.id))
                     AND u.last_active_at <= now())
             OR EXISTS (SELECT FROM stage_verify_message v WHERE v.live AND v.user_id = f.person))))
