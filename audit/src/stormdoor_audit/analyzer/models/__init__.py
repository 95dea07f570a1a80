"""Models of libraries, as data."""

__all__: list[str] = []
