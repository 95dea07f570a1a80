"""Python on abstract values: what a program does for a client, one way at a time."""

__all__: list[str] = []
