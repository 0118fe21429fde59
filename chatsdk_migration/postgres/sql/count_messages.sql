-- What the trigger does for each row, once; updated_at stays what it is because history changes nothing now.
UPDATE channel
SET message_count = coalesce(message_count, 0) + %(rows)s,
    last_message_at = greatest(
        last_message_at,
        (SELECT max(created_at) FROM stage_plan WHERE rank > %(after)s AND rank <= %(upto)s)
    )
WHERE app_id = %(app)s AND id = %(channel)s
