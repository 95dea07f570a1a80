"""The order of the steps, from the first byte of a handshake to the end of a connection."""

__all__: list[str] = []
