INSERT INTO chatsdk_migration.carried AS b (app_id, message_id, items)
SELECT %(app)s::uuid, c.id, coalesce(array_agg(i.digest ORDER BY i.digest) FILTER (WHERE i.digest IS NOT NULL), '{}')
FROM stage_sync_scope c LEFT JOIN stage_sync_item i ON i.message_id = c.id
GROUP BY c.id
HAVING count(i.digest) > 0 OR EXISTS (SELECT FROM chatsdk_migration.carried b WHERE b.app_id = %(app)s AND b.message_id = c.id)
ON CONFLICT (app_id, message_id) DO UPDATE
SET items = excluded.items
WHERE NOT (b.items @> excluded.items AND b.items <@ excluded.items)
