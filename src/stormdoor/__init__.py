"""stormdoor: a door in front of every WebSocket of a Tornado application."""

__all__: list[str] = []
