-- Only where it still stands as it was compared: a person may have read on meanwhile. It stands where it was placed then, and
-- follows Stream in later syncs.
WITH moved AS (
    UPDATE channel_member c
    SET last_read_seq = coalesce(f.seq, c.last_read_seq),
        last_read_message_id = CASE WHEN f.moves THEN (
            SELECT v.id FROM stage_verify_message v
            WHERE v.mapped AND coalesce(v.seq_loaded, v.seq) = coalesce(f.seq, c.last_read_seq) ORDER BY v.id LIMIT 1
        ) ELSE c.last_read_message_id END
    FROM (
        SELECT person, max(expected::bigint) FILTER (WHERE field = 'last_read_seq') AS seq,
               max(found) FILTER (WHERE field = 'last_read_seq') AS found, bool_or(true) AS moves
        FROM stage_verify_found WHERE category = 'read_positions' AND explained_by IS NULL GROUP BY person
    ) f
    WHERE c.app_id = %(app)s AND c.channel_id = %(channel)s AND c.user_id = f.person
      AND (f.found IS NULL OR coalesce(c.last_read_seq, 0)::text = f.found)
    RETURNING c.user_id, c.last_read_seq
), placed AS (
    UPDATE chatsdk_migration.read_position b SET placed_seq = m.last_read_seq
    FROM moved m WHERE b.app_id = %(app)s AND b.channel_id = %(channel)s AND b.user_id = m.user_id
)
SELECT 1 FROM moved
