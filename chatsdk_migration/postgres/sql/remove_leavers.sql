-- Forgotten too, so that they may come back when Stream lists them again.
WITH removed AS (
    DELETE FROM channel_member c USING chatsdk_migration.read_position b
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = ANY (%(people)s)
      AND c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = b.user_id
      AND c.role = b.role AND c.joined_at = b.joined_at
    RETURNING c.user_id
), forgotten AS (
    DELETE FROM chatsdk_migration.read_position b USING removed r
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = r.user_id
)
UPDATE channel SET member_count = greatest(coalesce(member_count, 0) - (SELECT count(*) FROM removed), 0)
WHERE app_id = %(app)s AND id = %(channel)s AND EXISTS (SELECT FROM removed)
