"""The adapter: the only part of stormdoor's library that knows Tornado."""

__all__: list[str] = []
