"""Handshakes that the client signs (HTTP Message Signatures, RFC 9421)."""

__all__: list[str] = []
