-- What comes back is remembered as carried: who takes it away in ChatSDK later has done so.
WITH back AS (
    INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
    SELECT DISTINCT ON (s.message_id) %(channel)s::uuid, s.message_id, %(app)s::uuid, s.pinned_by, s.pinned_at
    FROM stage_verify_found f JOIN stage_pin s ON s.message_id = f.target_id::uuid
    WHERE f.category = 'pins' AND f.kind = 'missing' AND f.explained_by IS NULL
    ORDER BY s.message_id
    ON CONFLICT (channel_id, message_id) DO NOTHING
    RETURNING message_id, pinned_by, pinned_at
), remembered AS (
    INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
    SELECT %(app)s::uuid, message_id, array_agg(chatsdk_migration.item_digest('pin', pinned_by, NULL, pinned_at))
    FROM back GROUP BY message_id
    ON CONFLICT (app_id, message_id) DO UPDATE
    SET items = ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one)
    WHERE NOT b.items @> excluded.items
)
SELECT 1 FROM back
