INSERT INTO stage_plan (rank, stream_id, id, user_id, text, attachments, parent_id, parent_rank, reply_to_id,
                        reply_to_rank, reply_count, poll_id, created_at, edited_at, deleted_at, mentioned)
SELECT k.rank, s.stream_id, s.id, s.user_id, s.text, s.attachments, p.id, p.rank, q.id, q.rank,
       coalesce(c.replies, 0), s.poll_id, s.created_at, s.edited_at, s.deleted_at, n.mentioned
FROM stage_known k
JOIN stage_message s ON s.ctid = k.line
LEFT JOIN stage_known p ON p.stream_id = s.parent_stream_id AND p.present
LEFT JOIN stage_known q ON q.stream_id = s.quoted_stream_id AND q.present
LEFT JOIN (
    SELECT reply.parent_stream_id AS stream_id, count(*)::integer AS replies
    FROM stage_message reply JOIN stage_known r ON r.line = reply.ctid AND r.present
    WHERE reply.parent_stream_id IS NOT NULL
    GROUP BY reply.parent_stream_id
) c ON c.stream_id = s.stream_id
LEFT JOIN (
    SELECT message_id, array_agg(DISTINCT mentioned_user_id) AS mentioned FROM stage_mention GROUP BY message_id
) n ON n.message_id = s.id
WHERE k.rank IS NOT NULL
ORDER BY k.rank
