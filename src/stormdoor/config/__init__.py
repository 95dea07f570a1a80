"""Build a guard from options and files. The only package that selects a store."""

from stormdoor.config.guard import Guard
from stormdoor.config.policy_file import PolicyFile

__all__ = ["Guard", "PolicyFile"]
