-- People whom somebody in ChatSDK deleted since they came: nothing of theirs arrives again, in quarantine neither.
WITH removed AS MATERIALIZED (
    SELECT DISTINCT s.id FROM stage_user s
    WHERE (SELECT u.id FROM app_user u WHERE u.app_id = %(app)s AND u.id = s.id) IS NULL
      AND (SELECT k.user_id FROM chatsdk_migration.carried_user k WHERE k.app_id = %(app)s AND k.user_id = s.id) IS NOT NULL
), members AS (
    DELETE FROM stage_member s USING removed r WHERE s.user_id = r.id
), messages AS (
    DELETE FROM stage_message s USING removed r WHERE s.user_id = r.id RETURNING s.id
), mentions AS (
    DELETE FROM stage_mention s USING removed r WHERE r.id IN (s.mentioned_user_id, s.mentioner_user_id)
), pins AS (
    DELETE FROM stage_pin s USING removed r WHERE s.pinned_by = r.id
), polls AS (
    DELETE FROM stage_poll s USING removed r WHERE s.created_by = r.id
), votes AS (
    DELETE FROM stage_vote s USING removed r WHERE s.user_id = r.id
), reactions AS (
    DELETE FROM stage_reaction s USING removed r WHERE s.user_id = r.id
), lost AS (
    INSERT INTO stage_loss (entity, kind, stream_id, occurrences, detail)
    SELECT 'message', 'person_removed', '', 1, '' FROM removed
    RETURNING entity, kind
)
SELECT entity, kind, count(*) FROM lost GROUP BY entity, kind
