-- What comes back is remembered as carried: it goes again when Stream's people take it away.
WITH back AS (
    INSERT INTO mention (id, message_id, app_id, mentioned_user_id, mentioner_user_id, created_at)
    SELECT DISTINCT ON (s.id) s.id, s.message_id, %(app)s::uuid, s.mentioned_user_id, s.mentioner_user_id, s.created_at
    FROM stage_verify_found f JOIN stage_mention s ON s.id = f.item::uuid
    WHERE f.category = 'mentions' AND f.kind = 'missing' AND f.explained_by IS NULL
    ORDER BY s.id
    ON CONFLICT (id) DO NOTHING
    RETURNING message_id, mentioned_user_id
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(chatsdk_migration.item_digest('mention', mentioned_user_id, NULL, NULL))
    FROM back GROUP BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE
    SET items = ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one)
    WHERE NOT b.items @> excluded.items
)
SELECT 1 FROM back
