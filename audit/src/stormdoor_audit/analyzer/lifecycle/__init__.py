"""The order in which Tornado calls a handler."""

__all__: list[str] = []
