"""Lists of words, as they are written down in the modules that look for them."""

__all__ = ["words"]


def words(text: str) -> frozenset[str]:
    """The words of a text: `words("get fetch find")`."""
    return frozenset(text.split())
