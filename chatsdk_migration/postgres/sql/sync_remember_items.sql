INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, c.id, coalesce(array_agg(i.digest ORDER BY i.digest) FILTER (WHERE i.digest IS NOT NULL), '{}')
FROM stage_sync_scope c LEFT JOIN stage_sync_item i ON i.message_id = c.id
GROUP BY c.id
HAVING count(i.digest) > 0 OR EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = c.id)
ON CONFLICT (app_id, message_id) DO UPDATE
SET items = CASE WHEN (SELECT c.partial FROM stage_sync_scope c WHERE c.id = b.message_id)
            THEN ARRAY(SELECT DISTINCT one FROM unnest(b.items || excluded.items) one) ELSE excluded.items END
WHERE NOT (b.items @> excluded.items AND b.items <@ excluded.items)
