INSERT INTO chatsdk_migration.cutover_step (cutover_id, step, frozen_at) VALUES (%(cutover)s, %(step)s, %(frozen_at)s)
RETURNING id, began_at
