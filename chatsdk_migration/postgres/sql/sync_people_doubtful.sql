-- Carried as banned, or changed here and in Stream: what becomes of either, Stream's changes do not show.
SELECT b.user_id FROM chatsdk_migration.carried_user b WHERE b.app_id = %(app)s AND b.banned
UNION
SELECT k.stream_id FROM chatsdk_migration.conflict k WHERE k.app_id = %(app)s AND k.cid = '' AND k.entity = 'user'
