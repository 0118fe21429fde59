DELETE FROM chatsdk_migration.carried_user WHERE app_id = %(app)s AND user_id = ANY (%(people)s)
