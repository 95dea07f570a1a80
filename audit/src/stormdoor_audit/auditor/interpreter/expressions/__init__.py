"""Names, operators, comparisons, conditions: the values of expressions."""

__all__: list[str] = []
