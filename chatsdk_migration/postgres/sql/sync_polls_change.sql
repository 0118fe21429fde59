-- A poll that is as it was carried follows Stream; those of messages that are gone, or have none any more, are let go of;
-- totals follow the votes. One that was changed on both sides stays, and how it came stays remembered, so that it is looked
-- at again.
WITH both_sides AS MATERIALIZED (
    SELECT DISTINCT ON (p.id) c.id AS message_id, c.stream_id, t.digest
    FROM stage_poll s JOIN poll p ON p.app_id = %(app)s AND p.id = s.id AND p.message_id = s.message_id
    JOIN stage_sync_scope c ON c.id = s.message_id
    JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    CROSS JOIN LATERAL (
        SELECT chatsdk_migration.poll_digest(p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at) AS here,
               chatsdk_migration.poll_digest(s.question, s.options, s.is_anonymous, s.is_multi_choice, s.ends_at) AS digest
    ) t
    WHERE t.here <> ALL (b.items) AND t.digest <> ALL (b.items) AND t.here <> t.digest
    ORDER BY p.id
), noticed AS (
    INSERT INTO stage_sync_conflict (entity, stream_id, what)
    SELECT 'poll', stream_id, 'poll changed in Stream and in ChatSDK' FROM both_sides
), not_followed AS (
    DELETE FROM stage_sync_item i USING both_sides s WHERE i.message_id = s.message_id AND i.digest = s.digest
), changed AS (
    SELECT DISTINCT ON (p.id) p.id, s.question, s.options, s.is_anonymous, s.is_multi_choice, s.ends_at
    FROM stage_poll s JOIN poll p ON p.app_id = %(app)s AND p.id = s.id
    JOIN stage_sync_scope c ON c.id = s.message_id
    JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    WHERE chatsdk_migration.poll_digest(p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at) = ANY (b.items)
    ORDER BY p.id
), state AS (
    SELECT p.id, coalesce(s.question, p.question) AS question, coalesce(s.options, p.options) AS options,
           coalesce(s.is_anonymous, p.is_anonymous) AS is_anonymous, coalesce(s.is_multi_choice, p.is_multi_choice) AS is_multi_choice,
           CASE WHEN s.id IS NULL THEN p.ends_at ELSE s.ends_at END AS ends_at,
           CASE WHEN m.poll_id IS NULL AND (m.deleted_at IS NOT NULL
                     OR chatsdk_migration.poll_digest(p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at) = ANY (b.items))
                THEN NULL ELSE p.message_id END AS message_id,
           (SELECT count(DISTINCT v.user_id) FROM poll_vote v WHERE v.app_id = %(app)s AND v.poll_id = p.id)::integer AS total_votes
    FROM stage_sync_scope c JOIN poll p ON p.app_id = %(app)s AND p.message_id = c.id
    JOIN message m ON m.app_id = %(app)s AND m.id = c.id
    LEFT JOIN chatsdk_migration.carried b ON b.app_id = %(app)s AND b.message_id = c.id
    LEFT JOIN changed s ON s.id = p.id
)
UPDATE poll p
SET question = s.question, options = s.options, is_anonymous = s.is_anonymous, is_multi_choice = s.is_multi_choice,
    ends_at = s.ends_at, message_id = s.message_id, total_votes = s.total_votes
FROM state s
WHERE p.app_id = %(app)s AND p.id = s.id
  AND (p.question, p.options, p.is_anonymous, p.is_multi_choice, p.ends_at, p.message_id, p.total_votes)
      IS DISTINCT FROM (s.question, s.options, s.is_anonymous, s.is_multi_choice, s.ends_at, s.message_id, s.total_votes)
