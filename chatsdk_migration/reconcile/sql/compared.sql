SELECT (SELECT count(*) FROM stage_member), (SELECT count(*) FROM stage_verify_message WHERE wanted),
       (SELECT count(*) FROM stage_reaction), (SELECT count(*) FROM stage_mention), (SELECT count(*) FROM stage_pin),
       (SELECT count(*) FROM stage_poll), (SELECT count(*) FROM stage_vote)
