"""Clients of the process itself."""

__all__: list[str] = []
