"""From source text to the intermediate form."""

__all__: list[str] = []
