"""Tokens of an issuer with known keys (RFC 7519)."""

__all__: list[str] = []
