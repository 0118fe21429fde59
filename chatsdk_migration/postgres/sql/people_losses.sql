-- What people lost whom no list names: counted with a channel they made, where they are met first, and once.
INSERT INTO chatsdk_migration.loss (app_id, cid, entity, kind, stream_id, occurrences, detail)
SELECT DISTINCT ON (l.cid, l.kind, l.stream_id) %(app)s::uuid, l.cid, 'user', l.kind, l.stream_id, 1, l.detail
FROM unnest(%(cids)s::text[], %(kinds)s::text[], %(people)s::text[], %(details)s::text[]) l (cid, kind, stream_id, detail)
JOIN arriving_user a ON a.id = l.stream_id
WHERE NOT EXISTS (SELECT FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = a.id)
  AND NOT EXISTS (SELECT FROM app_user u WHERE u.app_id = %(app)s AND u.id = a.id)
ORDER BY l.cid, l.kind, l.stream_id, l.detail
ON CONFLICT (app_id, cid, entity, kind, stream_id) DO NOTHING
