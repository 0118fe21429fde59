SELECT frozen_at, began_at, ended_at, ok, result, extract(epoch FROM now() - ended_at)::float8
FROM chatsdk_migration.cutover_step WHERE cutover_id = %(cutover)s AND step = %(step)s ORDER BY id DESC LIMIT 1
