WITH lost AS (
    INSERT INTO stage_loss (entity, kind, stream_id, occurrences, detail)
    SELECT 'message', r.kind, s.stream_id, 1, left(r.stream_id, 255)
    FROM stage_message s
    JOIN stage_known k ON k.line = s.ctid
    CROSS JOIN LATERAL (
        VALUES ('parent_not_carried', s.parent_stream_id), ('quote_not_carried', s.quoted_stream_id)
    ) r (kind, stream_id)
    WHERE r.stream_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM stage_known n WHERE n.stream_id = r.stream_id AND n.present)
    RETURNING entity, kind
)
SELECT entity, kind, count(*) FROM lost GROUP BY entity, kind
