"""Configuration: options, the file that holds them, and its checks."""

__all__: list[str] = []
