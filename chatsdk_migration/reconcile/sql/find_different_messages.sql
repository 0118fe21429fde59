-- What people in ChatSDK may change shows: an edit sets edited_at, a deletion deleted_at, both later than the load.
-- A message without an author is nobody's once Stream has deleted it, also where it was written by the system.
INSERT INTO stage_verify_found (category, kind, stream_id, target_id, field, expected, found, explained_by)
SELECT c.category, 'different', v.stream_id, v.id::text, c.field, c.expected, c.found, c.explained_by
FROM stage_verify_message v
JOIN stage_message s ON s.ctid = v.line
JOIN message m ON m.app_id = %(app)s AND m.id = v.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN v.deleted_live THEN 'deleted_live' WHEN v.edited_live THEN 'edited_live' END AS live,
           CASE WHEN v.deleted_live THEN NULL ELSE s.text END AS text,
           CASE WHEN v.deleted_live THEN '[]' ELSE s.attachments END AS attachments
) e
CROSS JOIN LATERAL (VALUES
    ('messages', 'text', e.text, m.text, CASE WHEN NOT v.deleted_live THEN e.live END),
    ('messages', 'author', s.user_id, m.user_id, CASE WHEN s.deleted_at IS NOT NULL THEN e.live END),
    ('messages', 'created_at', s.created_at::text, m.created_at::text, NULL),
    ('messages', 'edited_at', s.edited_at::text, m.edited_at::text,
     CASE WHEN v.edited_live THEN 'edited_live' WHEN v.deleted_live AND s.deleted_at IS NOT NULL THEN 'deleted_live' END),
    ('messages', 'deleted_at', s.deleted_at::text, m.deleted_at::text, CASE WHEN v.deleted_live THEN 'deleted_live' END),
    ('attachments', 'attachments', e.attachments::text, m.attachments::text, CASE WHEN NOT v.deleted_live THEN e.live END),
    ('threads', 'parent', v.parent_id::text, m.parent_id::text, NULL),
    ('quotes', 'reply_to', v.reply_to_id::text, m.reply_to_id::text, NULL),
    ('polls', 'poll', s.poll_id::text, m.poll_id::text,
     CASE WHEN v.deleted_live AND s.deleted_at IS NOT NULL THEN 'deleted_live' END),
    ('sequence', 'seq', coalesce(v.seq_loaded, m.seq)::text, m.seq::text, NULL)
) c (category, field, expected, found, explained_by)
WHERE v.wanted AND v.there
  AND (s.user_id, s.text, s.attachments, s.created_at, s.edited_at, s.deleted_at, s.poll_id, v.parent_id, v.reply_to_id,
       coalesce(v.seq_loaded, m.seq))
      IS DISTINCT FROM
      (m.user_id, m.text, m.attachments, m.created_at, m.edited_at, m.deleted_at, m.poll_id, m.parent_id, m.reply_to_id,
       m.seq)
  AND c.expected IS DISTINCT FROM c.found
  -- Links that Stream's CDN signs are signed anew at each reading.
  AND NOT (c.field = 'attachments'
           AND regexp_replace(c.expected, '\?[^"]*Expires=[^"]*', '', 'g')
               = regexp_replace(c.found, '\?[^"]*Expires=[^"]*', '', 'g'))
