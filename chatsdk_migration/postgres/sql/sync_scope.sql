-- The messages whose reactions, votes, mentions and pins are compared: all that were read, and those just buried or found
-- gone that were deleted here before. Where a reaction or vote was rejected, Stream has it in a form that cannot be carried:
-- what came of it before stays.
INSERT INTO stage_sync_scope (id, stream_id, partial)
SELECT k.id, k.stream_id,
       k.stream_id IN (SELECT p.stream_id FROM stage_sync_partial p)
       OR k.stream_id IN (SELECT coalesce(nullif(r.message_stream_id, ''), r.stream_id) FROM stage_reject r
                          WHERE r.entity IN ('reaction', 'vote'))
FROM stage_known k WHERE k.present AND k.line IS NOT NULL
UNION ALL
SELECT c.id, c.stream_id, false FROM stage_sync_change c WHERE c.verdict IN ('bury', 'gone')
ON CONFLICT (id) DO NOTHING
