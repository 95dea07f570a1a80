"""Checks of handshakes and messages in order, and the state of open connections."""

__all__: list[str] = []
