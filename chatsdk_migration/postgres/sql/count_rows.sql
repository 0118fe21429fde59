SELECT
    (SELECT count(*) FROM app_user WHERE app_id = %(app)s) AS users,
    (SELECT count(*) FROM channel WHERE app_id = %(app)s) AS channels,
    (SELECT count(*) FROM channel_member WHERE app_id = %(app)s) AS members,
    (SELECT count(*) FROM message WHERE app_id = %(app)s AND parent_id IS NULL) AS messages,
    (SELECT count(*) FROM message WHERE app_id = %(app)s AND parent_id IS NOT NULL) AS replies,
    (SELECT count(*) FROM reaction WHERE app_id = %(app)s) AS reactions,
    (SELECT count(*) FROM mention WHERE app_id = %(app)s) AS mentions,
    (SELECT count(*) FROM pinned_message WHERE app_id = %(app)s) AS pins,
    (SELECT count(*) FROM poll WHERE app_id = %(app)s) AS polls
