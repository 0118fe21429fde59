-- What comes back is remembered as carried: who takes it away in ChatSDK later has done so.
WITH back AS (
    INSERT INTO reaction (message_id, app_id, user_id, emoji, created_at)
    SELECT DISTINCT ON (s.message_id, s.user_id, s.emoji) s.message_id, %(app)s::uuid, s.user_id, s.emoji, s.created_at
    FROM stage_verify_found f
    JOIN stage_reaction s ON s.message_id = f.target_id::uuid AND s.user_id = f.person AND s.emoji = f.item
    WHERE f.category = 'reactions' AND f.kind = 'missing' AND f.explained_by IS NULL
    ORDER BY s.message_id, s.user_id, s.emoji, s.created_at
    ON CONFLICT (message_id, app_id, user_id, emoji) DO NOTHING
    RETURNING message_id, user_id, emoji, created_at
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(chatsdk_migration.item_digest('reaction', user_id, emoji, created_at))
    FROM back GROUP BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE
    SET items = ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one)
    WHERE NOT b.items @> excluded.items
)
SELECT 1 FROM back
