"""A real OpenID provider for the tests, and a browser's way through it."""

__all__: list[str] = []
