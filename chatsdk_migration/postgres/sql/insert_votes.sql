-- In a poll of one answer, whoever has voted here keeps that vote.
WITH fresh AS MATERIALIZED (
    SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.*, p.message_id,
           chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at) AS digest
    FROM stage_vote s
    CROSS JOIN LATERAL (
        SELECT p.message_id, p.is_multi_choice FROM poll p WHERE p.app_id = %(app)s AND p.id = s.poll_id LIMIT 1
    ) p
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
      AND NOT EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = p.message_id
                      AND chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at) = ANY (b.items))
      AND (p.is_multi_choice OR NOT EXISTS (
          SELECT FROM poll_vote v WHERE v.app_id = %(app)s AND v.poll_id = s.poll_id AND v.user_id = s.user_id))
    ORDER BY s.poll_id, s.user_id, s.option_id
), inserted AS (
    INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
    SELECT poll_id, %(app)s::uuid, user_id, option_id, voted_at FROM fresh ORDER BY poll_id, user_id, option_id
    ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
)
INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM fresh WHERE message_id IS NOT NULL GROUP BY message_id
ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
