-- How many people are carried as banned, how many were changed here and in Stream, and how many Stream listed, where asked.
SELECT (SELECT count(*) FROM chatsdk_migration.carried_user b WHERE b.app_id = %(app)s AND b.banned),
       (SELECT count(*) FROM chatsdk_migration.conflict k WHERE k.app_id = %(app)s AND k.cid = '' AND k.entity = 'user'),
       (SELECT count(*) FROM chatsdk_migration.carried_user b WHERE b.app_id = %(app)s AND b.listed AND %(everybody)s)
