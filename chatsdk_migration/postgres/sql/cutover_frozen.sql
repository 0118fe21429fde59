UPDATE chatsdk_migration.cutover SET frozen_at = %(at)s WHERE id = %(cutover)s
