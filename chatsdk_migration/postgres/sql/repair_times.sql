-- The trigger left the time of the last inserted row and the present time.
UPDATE channel
SET last_message_at = greatest(
        %(last_message_at)s::timestamptz,
        (SELECT max(created_at) FROM stage_plan WHERE rank > %(after)s AND rank <= %(upto)s)
    ),
    updated_at = %(updated_at)s::timestamptz
WHERE app_id = %(app)s AND id = %(channel)s
