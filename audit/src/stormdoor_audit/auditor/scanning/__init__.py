"""A scan from its settings to its report."""

__all__: list[str] = []
