-- Deleted in Stream: nobody who saw it there sees it here, unless people have written in it here.
WITH lively AS (
    SELECT EXISTS (
        SELECT FROM message m WHERE m.app_id = %(app)s AND m.channel_id = %(channel)s
          AND NOT EXISTS (SELECT FROM chatsdk_migration.message_map b WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.message_id = m.id)
    ) AS yes
), removed AS (
    DELETE FROM channel_member c USING chatsdk_migration.read_position b, lively l
    WHERE NOT l.yes AND c.app_id = %(app)s AND c.channel_id = %(channel)s
      AND b.app_id = c.app_id AND b.channel_id = c.channel_id AND b.user_id = c.user_id
      AND c.joined_at IS NOT DISTINCT FROM b.joined_at
    RETURNING c.user_id
), forgotten AS (
    DELETE FROM chatsdk_migration.read_position b USING removed r
    WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = r.user_id
), closed AS (
    UPDATE channel c SET type = 'group', member_count = greatest(coalesce(c.member_count, 0) - (SELECT count(*) FROM removed), 0)
    FROM lively l WHERE NOT l.yes AND c.app_id = %(app)s AND c.id = %(channel)s
), noted AS (
    UPDATE chatsdk_migration.channel_map k SET gone_at = coalesce(k.gone_at, %(now)s::timestamptz),
           carried = CASE WHEN l.yes THEN k.carried ELSE k.carried || '{"type": "group"}' END
    FROM lively l WHERE k.app_id = %(app)s AND k.cid = %(cid)s
), settled AS (
    -- What was listed of it before is nobody's decision any more.
    DELETE FROM chatsdk_migration.conflict k USING lively l
    WHERE NOT l.yes AND k.app_id = %(app)s AND k.cid = %(cid)s
), noticed AS (
    INSERT INTO chatsdk_migration.conflict (app_id, cid, entity, stream_id, what, seen_at)
    SELECT %(app)s::uuid, %(cid)s, 'channel', %(cid)s, 'deleted in Stream, written in in ChatSDK', %(now)s::timestamptz
    FROM lively WHERE yes
    ON CONFLICT (app_id, cid, entity, stream_id, what) DO NOTHING
)
SELECT yes, (SELECT count(*) FROM removed), coalesce((
    SELECT array_agg(b.user_id::text)
    FROM chatsdk_migration.read_position b
    LEFT JOIN channel_member c ON c.app_id = b.app_id AND c.channel_id = b.channel_id AND c.user_id = b.user_id
    WHERE NOT yes AND b.app_id = %(app)s AND b.channel_id = %(channel)s
      AND (c.user_id IS NULL OR b.user_id IN (SELECT user_id FROM removed))
), '{}')
FROM lively
