-- What Stream says now, where the row is as it was carried. Read times are remembered in any case: messages that come
-- later are placed by them; a position that was placed before stays. Stream lists the read state of few: whoever it does
-- not show any more has read what it last showed.
WITH source AS MATERIALIZED (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.role, s.muted, s.joined_at, r.*
    FROM stage_member s
    LEFT JOIN chatsdk_migration.read_position b
        ON b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = s.user_id AND NOT b.reads_all
        AND (b.last_read IS NOT NULL OR b.unread_count IS NOT NULL) AND b.joined_at = s.joined_at
        AND (s.reads_all OR (s.last_read IS NULL AND s.unread_count IS NULL))
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.user_id IS NULL THEN s.unread_count ELSE b.unread_count END AS unread_count,
               CASE WHEN b.user_id IS NULL THEN s.last_read ELSE b.last_read END AS last_read,
               s.reads_all AND b.user_id IS NULL AS reads_all
    ) r
    ORDER BY s.user_id
), untouched AS MATERIALIZED (
    SELECT b.user_id, coalesce(c.last_read_seq, 0) = 0 AND c.last_read_message_id IS NULL
                      AND (b.unread_count IS NULL OR c.unread_count = b.unread_count) AS unread_as_carried
    FROM chatsdk_migration.read_position b
    JOIN channel_member c ON c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = b.user_id
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s
      AND c.role = b.role AND c.joined_at = b.joined_at AND coalesce(c.muted, false) = b.muted
), wanted AS MATERIALIZED (
    SELECT s.user_id, s.role, s.muted, s.joined_at,
           CASE WHEN u.unread_as_carried THEN s.unread_count END AS unread_count
    FROM source s JOIN untouched u ON u.user_id = s.user_id
), changed AS (
    UPDATE channel_member c
    SET role = w.role, muted = w.muted, joined_at = w.joined_at, unread_count = coalesce(w.unread_count, c.unread_count)
    FROM wanted w
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = w.user_id
      AND (c.role, coalesce(c.muted, false), c.joined_at, c.unread_count)
          IS DISTINCT FROM (w.role, w.muted, w.joined_at, coalesce(w.unread_count, c.unread_count))
)
UPDATE chatsdk_migration.read_position b
SET last_read = s.last_read, reads_all = s.reads_all,
    role = CASE WHEN u.user_id IS NULL THEN b.role ELSE s.role END,
    muted = CASE WHEN u.user_id IS NULL THEN b.muted ELSE s.muted END,
    joined_at = CASE WHEN u.user_id IS NULL THEN b.joined_at ELSE s.joined_at END,
    unread_count = CASE WHEN u.unread_as_carried THEN s.unread_count ELSE b.unread_count END
FROM source s LEFT JOIN untouched u ON u.user_id = s.user_id
WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = s.user_id
  AND ((b.last_read, b.reads_all) IS DISTINCT FROM (s.last_read, s.reads_all)
       OR (u.user_id IS NOT NULL AND (b.role, b.muted, b.joined_at) IS DISTINCT FROM (s.role, s.muted, s.joined_at))
       OR (u.unread_as_carried AND b.unread_count IS DISTINCT FROM s.unread_count))
