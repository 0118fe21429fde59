-- Against the digests of the rows as they were loaded; which value of a row differs, a digest cannot say.
INSERT INTO verify_app_found (category, kind, cid, stream_id, target_id, field, expected, found, explained_by)
SELECT f.category, 'different', c.cid, k.stream_id, m.id::text, f.field, f.expected, f.found,
       CASE WHEN f.category = 'messages' AND m.deleted_at > k.loaded_at THEN 'deleted_live'
            WHEN f.category = 'messages' AND m.edited_at > k.loaded_at THEN 'edited_live' END
FROM chatsdk_migration.message_map k
JOIN chatsdk_migration.channel_map c ON c.app_id = k.app_id AND c.channel_id = k.channel_id
JOIN message m ON m.app_id = %(app)s AND m.id = k.message_id AND m.channel_id = k.channel_id
LEFT JOIN chatsdk_migration.numbering n
    ON n.app_id = k.app_id AND n.channel_id = k.channel_id AND n.loaded_at = k.loaded_at
CROSS JOIN LATERAL (VALUES
    ('messages', 'text', 'digest as loaded', left(m.text, 200), k.text_digest = hashtextextended(m.text, 0) OR k.text_digest IS NULL AND m.text IS NULL),
    ('messages', 'author, times, links or attachments', 'digest as loaded', 'another digest',
     k.row_digest = chatsdk_migration.row_digest(m.user_id, m.attachments, m.parent_id, m.reply_to_id, m.poll_id, m.created_at,
                                                 m.edited_at, m.deleted_at)),
    ('sequence', 'seq', coalesce(k.given_seq, k.rank + n.shift)::text, m.seq::text, coalesce(k.given_seq, k.rank + n.shift, m.seq) = m.seq)
) f (category, field, expected, found, fits)
WHERE k.app_id = %(app)s AND k.row_digest IS NOT NULL AND f.fits IS NOT TRUE
  AND (%(cids)s::text[] IS NULL OR c.cid = ANY (%(cids)s))
