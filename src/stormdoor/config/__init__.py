"""From options and files to a wired guard. The only package that picks a store."""

from stormdoor.config.guard import Guard
from stormdoor.config.policy_file import PolicyFile

__all__ = ["Guard", "PolicyFile"]
