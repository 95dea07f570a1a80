"""The way of a connection through a handler, as Tornado runs it."""

__all__: list[str] = []
