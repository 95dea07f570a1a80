"""The login of the application that the guard protects."""

__all__: list[str] = []
