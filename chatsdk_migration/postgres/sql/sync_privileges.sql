SELECT need.privilege, need.relation
FROM (VALUES ('DELETE', 'channel_member'), ('DELETE', 'reaction'), ('DELETE', 'mention'), ('DELETE', 'pinned_message'),
             ('DELETE', 'poll_vote'), ('DELETE', 'user_message'), ('UPDATE', 'user_message')) need (privilege, relation)
WHERE NOT has_table_privilege(to_regclass(need.relation), need.privilege)
