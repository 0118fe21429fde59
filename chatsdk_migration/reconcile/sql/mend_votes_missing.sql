-- What comes back is remembered as carried: who takes it away in ChatSDK later has done so.
WITH back AS (
    INSERT INTO poll_vote (poll_id, app_id, user_id, option_id, voted_at)
    SELECT DISTINCT ON (s.poll_id, s.user_id, s.option_id) s.poll_id, %(app)s::uuid, s.user_id, s.option_id, s.voted_at
    FROM stage_verify_found f
    JOIN stage_vote s ON s.poll_id = f.target_id::uuid AND s.user_id = f.person AND s.option_id = f.item
    WHERE f.category = 'votes' AND f.kind = 'missing' AND f.explained_by IS NULL
    ORDER BY s.poll_id, s.user_id, s.option_id, s.voted_at
    ON CONFLICT (poll_id, app_id, user_id, option_id) DO NOTHING
    RETURNING poll_id, user_id, option_id, voted_at
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, p.message_id, array_agg(chatsdk_migration.item_digest('vote', v.user_id, v.option_id, v.voted_at))
    FROM back v JOIN poll p ON p.app_id = %(app)s AND p.id = v.poll_id AND p.message_id IS NOT NULL GROUP BY p.message_id
    ON CONFLICT (app_id, message_id) DO UPDATE
    SET items = ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one)
    WHERE NOT b.items @> excluded.items
)
SELECT 1 FROM back
