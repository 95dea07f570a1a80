"""API keys."""

__all__: list[str] = []
