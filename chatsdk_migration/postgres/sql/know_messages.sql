-- One row for each Stream id that can be carried. The newest record of an id wins: Stream frees the id of a
-- hard-deleted message. Something mapped but no longer in the target was purged there and stays away.
-- Looked up row by row in the large tables: their statistics lag far behind a load, and a join misplanned by them
-- took minutes.
WITH strangers AS MATERIALIZED (
    SELECT author.user_id FROM (SELECT DISTINCT user_id FROM stage_message) author
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = author.user_id) IS NULL
), looked_up AS MATERIALIZED (
    SELECT s.stream_id, s.id, s.created_at, s.created_ns, s.ctid AS line,
           (SELECT m.channel_id FROM message m WHERE m.app_id = %(app)s AND m.id = s.id) AS found_in,
           (SELECT k.message_id FROM chatsdk_migration.message_map k
            WHERE k.app_id = %(app)s AND k.stream_id = s.stream_id) AS mapped
    FROM stage_message s
    WHERE s.user_id NOT IN (SELECT user_id FROM strangers)
), chosen AS (
    SELECT DISTINCT ON (stream_id COLLATE "C") *, found_in IS NULL AND mapped IS NULL AS fresh
    FROM looked_up
    WHERE (found_in IS NULL OR found_in = %(channel)s) AND (mapped IS NULL OR mapped = id)
    ORDER BY stream_id COLLATE "C", created_at DESC, created_ns DESC, line DESC
)
INSERT INTO stage_known (stream_id, id, rank, present, line)
SELECT stream_id, id,
       CASE WHEN fresh THEN row_number() OVER (PARTITION BY fresh ORDER BY created_at, created_ns, stream_id COLLATE "C") END,
       found_in IS NOT NULL OR mapped IS NULL, line
FROM chosen
