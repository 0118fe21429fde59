"""The assets: two lists of the whole app, three parts of each channel, what became of them, and readiness.

Here: their definitions, thin: read, call, report. Not here: how data is carried (``transfer.py``).
"""

from chatsdk_migration.assets.channel_content import channel_content
from chatsdk_migration.assets.channels import channels
from chatsdk_migration.assets.cutover_readiness import cutover_readiness
from chatsdk_migration.assets.migration_report import migration_report
from chatsdk_migration.assets.people import users

__all__ = ["channel_content", "channels", "cutover_readiness", "migration_report", "users"]
