"""The prober: what a stranger and an owner can do with a running WebSocket endpoint, seen from outside."""

__all__: list[str] = []
