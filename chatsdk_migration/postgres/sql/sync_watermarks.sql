SELECT cid, synced_to, scanned_at, swept_at, last_message_at, truncated_at, digest, seen_at, applied_at, created_at
FROM chatsdk_migration.watermark WHERE app_id = %(app)s
