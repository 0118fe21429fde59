INSERT INTO chatsdk_migration.watermark AS w
    (app_id, cid, synced_to, scanned_at, swept_at, last_message_at, truncated_at, member_count, digest, seen_at, applied_at)
VALUES (%(app)s, %(cid)s, %(synced_to)s, %(scanned_at)s, %(swept_at)s, %(last_message_at)s, %(truncated_at)s,
        %(member_count)s, %(digest)s, %(seen_at)s, %(applied_at)s)
ON CONFLICT (app_id, cid) DO UPDATE
SET synced_to = greatest(w.synced_to, excluded.synced_to), scanned_at = greatest(w.scanned_at, excluded.scanned_at),
    swept_at = greatest(w.swept_at, excluded.swept_at),
    last_message_at = coalesce(excluded.last_message_at, w.last_message_at),
    truncated_at = coalesce(excluded.truncated_at, w.truncated_at),
    member_count = coalesce(excluded.member_count, w.member_count), digest = excluded.digest,
    seen_at = greatest(w.seen_at, excluded.seen_at), applied_at = greatest(w.applied_at, excluded.applied_at)
