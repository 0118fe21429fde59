-- What is listed of these people is what they lose now: somebody may be active, released or renamed since.
DELETE FROM chatsdk_migration.loss l
WHERE l.app_id = %(app)s AND l.cid = '' AND l.entity = 'user' AND l.kind = ANY (%(listed)s::text[])
  AND l.stream_id = ANY (%(people)s::text[])
  AND (l.kind, l.stream_id) NOT IN (SELECT k, p FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS now (k, p))
