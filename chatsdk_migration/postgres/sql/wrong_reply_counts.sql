SELECT array_agg(id) FROM (
    SELECT counted.parent_id AS id
    FROM (
        SELECT parent_id, count(*) AS replies FROM message
        WHERE app_id = %(app)s AND channel_id = %(channel)s AND parent_id IS NOT NULL
        GROUP BY parent_id
    ) counted
    WHERE (SELECT coalesce(m.reply_count, 0) FROM message m WHERE m.app_id = %(app)s AND m.id = counted.parent_id)
          <> counted.replies
    ORDER BY id LIMIT %(rows)s
) wrong
