"""Tornado's own signed cookie, for applications that have a login already."""

__all__: list[str] = []
