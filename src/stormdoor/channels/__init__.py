"""Broadcasting with a permission at both ends."""

from stormdoor.channels.hub import Hub, Topic

__all__ = ["Hub", "Topic"]
