"""What the words in names say, where a name is all there is."""

__all__: list[str] = []
