WITH fresh AS MATERIALIZED (
    SELECT DISTINCT ON (s.message_id) s.*, chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at) AS digest
    FROM stage_pin s
    WHERE (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.message_id) = %(channel)s
      AND (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.pinned_by) IS NOT NULL
      AND NOT EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = s.message_id
                      AND chatsdk_migration.item_digest('pin', s.pinned_by, NULL, s.pinned_at) = ANY (b.items))
    ORDER BY s.message_id
), inserted AS (
    INSERT INTO pinned_message (channel_id, message_id, app_id, pinned_by, pinned_at)
    SELECT %(channel)s::uuid, message_id, %(app)s::uuid, pinned_by, pinned_at FROM fresh ORDER BY message_id
    ON CONFLICT (channel_id, message_id) DO NOTHING
)
INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, message_id, array_agg(digest) FROM fresh GROUP BY message_id
ON CONFLICT (app_id, message_id) DO UPDATE SET items = b.items || excluded.items
