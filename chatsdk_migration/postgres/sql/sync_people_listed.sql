-- Everybody whom Stream's list has shown, and who is not known to have left it.
SELECT b.user_id FROM chatsdk_migration.carried_user b WHERE b.app_id = %(app)s AND b.listed
