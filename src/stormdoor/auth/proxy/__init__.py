"""Identities that an authenticated reverse proxy sends in headers."""

__all__: list[str] = []
