WITH outside AS MATERIALIZED (
    SELECT DISTINCT ON (s.id) s.id, s.message_id, s.mentioned_user_id FROM stage_mention s
    WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.mentioned_user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM channel_member c
                      WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = s.mentioned_user_id)
      AND NOT EXISTS (SELECT FROM mention n WHERE n.id = s.id)
    ORDER BY s.id
), lost AS (
    INSERT INTO stage_loss (entity, kind, stream_id, occurrences, detail)
    SELECT 'mention', 'mention_outsider', message_id::text, 1, left(mentioned_user_id, 255) FROM outside
    RETURNING entity, kind
)
SELECT entity, kind, count(*) FROM lost GROUP BY entity, kind
