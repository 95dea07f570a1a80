"""The adapter: the only part of stormdoor's library that depends on Tornado."""

__all__: list[str] = []
