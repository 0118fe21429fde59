-- A batch of those who were never carried: who was and is not here any more has been removed here, and stays away.
WITH arriving AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.* FROM stage_member s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM chatsdk_migration.read_position b
                      WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = s.user_id)
    ORDER BY s.user_id LIMIT %(rows)s
), inserted AS (
    INSERT INTO channel_member (channel_id, app_id, user_id, role, muted, joined_at, unread_count, last_read_seq)
    SELECT %(channel)s::uuid, %(app)s::uuid, user_id, role, muted, joined_at, coalesce(unread_count, 0), 0
    FROM arriving ORDER BY user_id
    ON CONFLICT (channel_id, app_id, user_id) DO NOTHING
    RETURNING user_id
), remembered AS (
    INSERT INTO chatsdk_migration.read_position
        (app_id, channel_id, user_id, last_read, reads_all, role, muted, joined_at, unread_count)
    SELECT %(app)s::uuid, %(channel)s::uuid, user_id, last_read, reads_all, role, muted, joined_at, unread_count
    FROM arriving ORDER BY user_id
    ON CONFLICT (app_id, channel_id, user_id) DO NOTHING
), counted AS (
    UPDATE channel SET member_count = coalesce(member_count, 0) + (SELECT count(*) FROM inserted)
    WHERE app_id = %(app)s AND id = %(channel)s AND EXISTS (SELECT FROM inserted)
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM arriving)
