"""``python -m chatsdk_migration.cli``: the same as ``chatsdk-migrate``."""

from chatsdk_migration.cli import main

main()
