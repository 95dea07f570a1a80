"""Login sessions and their cookie."""

__all__: list[str] = []
