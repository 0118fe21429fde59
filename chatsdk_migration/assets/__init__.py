"""The assets: two lists of the whole app, and three parts of each channel.

Here: their definitions, thin: read, call, report. Not here: how data is carried (``transfer.py``).
"""

from chatsdk_migration.assets.channel_content import channel_content
from chatsdk_migration.assets.channels import channels
from chatsdk_migration.assets.people import users

__all__ = ["channel_content", "channels", "users"]
