-- A tombstone, as the server makes one: the number stays taken, clients that hold the message see it go.
WITH buried AS (
    UPDATE message m
    SET text = NULL, attachments = '[]', poll_id = NULL, deleted_at = greatest(%(now)s::timestamptz, m.created_at)
    FROM stage_sync_change c JOIN chatsdk_migration.message_map b ON b.app_id = %(app)s AND b.stream_id = c.stream_id
    WHERE c.verdict = 'bury' AND m.app_id = %(app)s AND m.id = c.id AND m.deleted_at IS NULL
      AND hashtextextended(m.text, 0) IS NOT DISTINCT FROM b.text_digest
      AND chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                       m.edited_at, m.deleted_at) = b.row_digest
    RETURNING c.stream_id, b.loaded_at, m.*
), unread AS MATERIALIZED (
    -- What the report says that Stream holds; what it has not counted yet is not taken off.
    SELECT k.cid, to_char(w.created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS messages
    FROM buried w
    CROSS JOIN LATERAL (
        SELECT k.cid, k.uncounted_since FROM chatsdk_migration.channel_map k
        WHERE w.channel_id = %(channel)s AND k.app_id = %(app)s AND k.cid = %(cid)s
        UNION ALL
        SELECT k.cid, k.uncounted_since FROM chatsdk_migration.channel_map k
        WHERE w.channel_id <> %(channel)s AND k.app_id = %(app)s AND k.channel_id = w.channel_id
    ) k
    WHERE NOT coalesce(w.loaded_at >= k.uncounted_since, false)
    GROUP BY 1, 2
), fewer AS (
    UPDATE chatsdk_migration.source_month r SET messages = r.messages - u.messages
    FROM unread u WHERE r.app_id = %(app)s AND r.cid = u.cid AND r.month = u.month AND r.messages > u.messages
), none AS (
    DELETE FROM chatsdk_migration.source_month r
    USING unread u WHERE r.app_id = %(app)s AND r.cid = u.cid AND r.month = u.month AND r.messages <= u.messages
), noted AS (
    UPDATE chatsdk_migration.message_map b
    SET text_digest = NULL, gone_at = %(now)s::timestamptz,
        row_digest = chatsdk_migration.row_digest(w.user_id, w.attachments, w.parent_id, w.reply_to_id, w.poll_id,
                                                  w.created_at, w.edited_at, w.deleted_at)
    FROM buried w WHERE b.app_id = %(app)s AND b.stream_id = w.stream_id
), gone AS (
    -- A tombstone already: it stays, and is not looked for in Stream any more.
    UPDATE chatsdk_migration.message_map b SET gone_at = %(now)s::timestamptz
    FROM stage_sync_change c
    WHERE c.verdict = 'gone' AND b.app_id = %(app)s AND b.stream_id = c.stream_id AND b.gone_at IS NULL
)
SELECT count(*) FROM buried
