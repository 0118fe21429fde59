-- A profile that was changed here and in Stream stays as it is here; the right of an administrator is never explained.
UPDATE verify_app_found f
SET explained_by = 'conflict'
FROM chatsdk_migration.conflict k
WHERE f.explained_by IS NULL AND f.category = 'users'
  AND (f.kind = 'extra' OR f.kind = 'different' AND f.field IN ('name', 'image_url', 'custom_data')) AND coalesce(f.found, '') NOT LIKE '%%"is_admin"%%'
  AND k.app_id = %(app)s AND k.entity = 'user' AND k.stream_id = f.stream_id
