-- The locks that PostgreSQL's own foreign key checks would take, taken as sets; says how many rows are not there.
-- Arrays, so that the few rows are looked up by their keys whatever the planner believes about the plan's size.
WITH chunk AS MATERIALIZED (
    SELECT user_id, parent_id, parent_rank, reply_to_id, reply_to_rank, poll_id FROM stage_plan
    WHERE rank > %(after)s AND rank <= %(upto)s
), people AS (
    SELECT user_id FROM chunk UNION SELECT user_id FROM stage_reader WHERE %(fan_out)s
), held_people AS MATERIALIZED (
    SELECT id FROM app_user
    WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT user_id FROM people))
    ORDER BY id FOR KEY SHARE
), referenced AS (
    SELECT parent_id AS id FROM chunk WHERE parent_id IS NOT NULL AND (parent_rank IS NULL OR parent_rank <= %(after)s)
    UNION
    SELECT reply_to_id FROM chunk WHERE reply_to_id IS NOT NULL AND (reply_to_rank IS NULL OR reply_to_rank <= %(after)s)
), held_messages AS MATERIALIZED (
    SELECT id FROM message
    WHERE app_id = %(app)s AND id = ANY (ARRAY(SELECT id FROM referenced))
    ORDER BY id FOR KEY SHARE
), held_channel AS MATERIALIZED (
    SELECT id FROM channel WHERE app_id = %(app)s AND id = %(channel)s FOR KEY SHARE
)
SELECT (SELECT count(*) FROM people) - (SELECT count(*) FROM held_people)
     + (SELECT count(*) FROM referenced) - (SELECT count(*) FROM held_messages)
     + 1 - (SELECT count(*) FROM held_channel)
