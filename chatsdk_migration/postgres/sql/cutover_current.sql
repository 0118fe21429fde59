SELECT id, began_at, frozen_at, ended_at, outcome FROM chatsdk_migration.cutover WHERE app_id = %(app)s ORDER BY id DESC LIMIT 1
