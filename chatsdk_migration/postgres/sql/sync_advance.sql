INSERT INTO chatsdk_migration.watermark AS w
    (app_id, cid, synced_to, scanned_at, swept_at, last_message_at, truncated_at, digest, seen_at, applied_at,
     created_at)
VALUES (%(app)s, %(cid)s, %(synced_to)s, %(scanned_at)s, %(swept_at)s, %(last_message_at)s, %(truncated_at)s,
        %(digest)s, %(seen_at)s, %(applied_at)s, %(created_at)s)
ON CONFLICT (app_id, cid) DO UPDATE
SET synced_to = greatest(w.synced_to, excluded.synced_to), scanned_at = greatest(w.scanned_at, excluded.scanned_at),
    swept_at = greatest(w.swept_at, excluded.swept_at),
    -- A channel that was emptied has no last message any more.
    last_message_at = CASE WHEN excluded.synced_to IS NULL THEN w.last_message_at ELSE excluded.last_message_at END,
    truncated_at = CASE WHEN excluded.synced_to IS NULL THEN w.truncated_at ELSE excluded.truncated_at END,
    digest = excluded.digest,
    seen_at = greatest(w.seen_at, excluded.seen_at), applied_at = greatest(w.applied_at, excluded.applied_at),
    created_at = coalesce(excluded.created_at, w.created_at)
