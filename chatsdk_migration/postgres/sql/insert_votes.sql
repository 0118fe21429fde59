-- In a poll of one answer, whoever has voted here keeps that vote, and what came is remembered as if it were taken back.
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.*, p.message_id, p.is_multi_choice, coalesce(b.items, '{}') AS items,
           chatsdk_migration.item_digest('vote', s.user_id, s.option_id, s.voted_at) AS digest
    FROM stage_vote s
    CROSS JOIN LATERAL (
        SELECT p.message_id, p.is_multi_choice FROM poll p WHERE p.app_id = %(app)s AND p.id = s.poll_id LIMIT 1
    ) p
    LEFT JOIN LATERAL (
        SELECT b.items FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = p.message_id LIMIT 1
    ) b ON true
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.user_id) IS NOT NULL
    ORDER BY s.poll_id, s.user_id, s.option_id
), judged AS MATERIALIZED (
    SELECT k.*, v.carried
    FROM known k LEFT JOIN LATERAL (
        -- By poll alone: beside the app, statistics that lag behind choose to read all of the app each time.
        SELECT bool_or(chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at) = ANY (k.items)) AS carried
        FROM (SELECT * FROM poll_vote o WHERE o.poll_id = k.poll_id AND o.user_id = k.user_id OFFSET 0) v
        WHERE v.app_id = %(app)s
    ) v ON NOT k.is_multi_choice
    WHERE NOT k.digest = ANY (k.items)
), fresh AS MATERIALIZED (
    SELECT * FROM judged WHERE carried IS NOT TRUE
), inserted AS (
    INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
    SELECT poll_id, %(app)s::uuid, user_id, option_id, voted_at FROM fresh WHERE carried IS NULL ORDER BY poll_id, user_id, option_id
    ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
)
INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, message_id, array_agg(DISTINCT digest) FROM fresh WHERE message_id IS NOT NULL GROUP BY message_id
ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
