-- All of the channel has been read: nothing that was loaded is uncounted after this.
WITH counted AS (
    UPDATE chatsdk_migration.channel_map c SET uncounted_since = NULL
    WHERE c.app_id = %(app)s AND c.cid = %(cid)s AND c.uncounted_since IS NOT NULL
)
DELETE FROM chatsdk_migration.source_month WHERE app_id = %(app)s AND cid = %(cid)s
