-- People whose record could not be carried, and still waits.
SELECT q.stream_id FROM chatsdk_migration.quarantine q
WHERE q.app_id = %(app)s AND q.cid = '' AND q.entity = 'user' AND q.replayed_at IS NULL AND q.discarded_at IS NULL
