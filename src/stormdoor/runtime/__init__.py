"""The wired guard and what keeps it running. The only package that connects parts and selects a store."""

from stormdoor.runtime.guard import Guard
from stormdoor.runtime.policy_file import PolicyFile

__all__ = ["Guard", "PolicyFile"]
