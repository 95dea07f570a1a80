"""Functions, attributes, methods, libraries: what calls do."""

__all__: list[str] = []
