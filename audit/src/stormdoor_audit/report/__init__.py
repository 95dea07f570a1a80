"""Reports of the judges from outside: the model of findings, and one writer for each format."""

__all__: list[str] = []
