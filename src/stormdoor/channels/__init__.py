"""Broadcasts with a permission check at subscription and at delivery."""

from stormdoor.channels.hub import Hub, Topic

__all__ = ["Hub", "Topic"]
