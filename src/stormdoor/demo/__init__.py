"""The reference application: a chat with rooms and a live dashboard, to extend and to attack."""

__all__: list[str] = []
