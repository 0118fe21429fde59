-- Only the newest of a kind are kept: syncs go on for days.
WITH noted AS (
    INSERT INTO chatsdk_migration.outcome
        (app_id, work, extent, began_at, ended_at, api_calls, channels, unexplained, explained, cids, failing, problems)
    VALUES (%(app)s, %(work)s, %(extent)s, %(began_at)s, %(ended_at)s, %(api_calls)s, %(channels)s, %(unexplained)s,
            %(explained)s, %(cids)s, %(failing)s, %(problems)s)
)
DELETE FROM chatsdk_migration.outcome WHERE id IN (
    SELECT id FROM chatsdk_migration.outcome
    WHERE app_id = %(app)s AND work = %(work)s AND extent = %(extent)s ORDER BY id DESC OFFSET %(kept)s
)
