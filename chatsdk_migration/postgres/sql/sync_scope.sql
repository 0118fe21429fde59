-- The messages whose reactions, votes, mentions and pins are compared: all that were read, and those just buried.
INSERT INTO stage_sync_scope (id, stream_id, partial)
SELECT k.id, k.stream_id, EXISTS (SELECT FROM stage_sync_partial p WHERE p.stream_id = k.stream_id)
FROM stage_known k WHERE k.present AND k.line IS NOT NULL
UNION ALL
SELECT c.id, c.stream_id, false FROM stage_sync_change c WHERE c.verdict = 'bury'
ON CONFLICT (id) DO NOTHING
