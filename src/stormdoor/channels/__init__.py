"""Broadcasts with a permission check at subscription and at delivery."""

from stormdoor.channels.hub import Hub, Topic
from stormdoor.channels.local_broker import LocalBroker

__all__ = ["Hub", "LocalBroker", "Topic"]
