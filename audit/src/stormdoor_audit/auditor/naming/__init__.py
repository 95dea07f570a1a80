"""Meanings of the words in names, for where a name is all there is."""

__all__: list[str] = []
