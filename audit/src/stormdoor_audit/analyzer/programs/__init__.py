"""Files, modules and the programs that they form."""

__all__: list[str] = []
