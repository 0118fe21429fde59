WITH missing AS MATERIALIZED (
    SELECT one.message_id, one.reactions, one.example
    FROM (SELECT message_id, count(*) AS reactions, min(emoji) AS example FROM stage_reaction GROUP BY message_id) one
    WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = one.message_id) IS DISTINCT FROM %(channel)s
), lost AS (
    INSERT INTO stage_loss (entity, kind, stream_id, occurrences, detail)
    SELECT 'reaction', 'reaction_message_missing', message_id::text, reactions, example FROM missing
    RETURNING entity, kind, occurrences
)
SELECT entity, kind, sum(occurrences)::bigint FROM lost GROUP BY entity, kind
