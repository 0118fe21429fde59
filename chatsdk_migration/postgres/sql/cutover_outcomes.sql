SELECT work, extent, began_at, ended_at, api_calls, channels, unexplained, explained, cids, failing, problems, id
FROM chatsdk_migration.outcome WHERE app_id = %(app)s AND work = %(work)s AND id > %(after)s ORDER BY id
