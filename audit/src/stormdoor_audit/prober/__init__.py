"""The prober: attacks on a running WebSocket endpoint, compared with what its owner gets."""

__all__: list[str] = []
