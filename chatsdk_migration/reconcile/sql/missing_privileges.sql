-- What a repair of these differences needs and the role lacks.
SELECT DISTINCT need.privilege, need.relation
FROM (VALUES
    ('DELETE', 'message', 'messages', 'extra'), ('DELETE', 'channel_member', 'members', 'extra'),
    ('DELETE', 'user_message', 'members', 'extra'), ('DELETE', 'mention', 'members', 'extra'),
    ('DELETE', 'reaction', 'reactions', 'extra'), ('DELETE', 'mention', 'mentions', 'extra'),
    ('DELETE', 'pinned_message', 'pins', 'extra'), ('DELETE', 'poll_vote', 'votes', 'extra'),
    ('UPDATE', 'reaction', 'reactions', 'different'), ('UPDATE', 'mention', 'mentions', 'different'),
    ('UPDATE', 'pinned_message', 'pins', 'different'), ('UPDATE', 'poll_vote', 'votes', 'different'),
    ('UPDATE', 'user_message', 'message_state', 'different')
) need (privilege, relation, category, kind)
JOIN stage_verify_found f ON f.category = need.category AND f.kind = need.kind AND f.explained_by IS NULL
WHERE NOT has_table_privilege(to_regclass(need.relation), need.privilege)
