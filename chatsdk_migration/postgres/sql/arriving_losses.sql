CREATE TEMPORARY TABLE arriving_loss (
    entity text NOT NULL, kind text NOT NULL, stream_id text NOT NULL, occurrences bigint NOT NULL, detail text NOT NULL
) ON COMMIT DROP
