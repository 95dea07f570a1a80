"""Tokens that are bound to a key of the client (DPoP, RFC 9449)."""

__all__: list[str] = []
