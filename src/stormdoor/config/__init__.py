"""From options and files to a wired guard. The only package that picks a store."""

from stormdoor.config.guard import Guard

__all__ = ["Guard"]
