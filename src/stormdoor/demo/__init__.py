"""The reference application: a chat with rooms and a live dashboard, to build on and to attack."""

__all__: list[str] = []
