"""The documentation is run: its code, its links, its tables."""

__all__: list[str] = []
