"""Abstract execution of the intermediate form."""

__all__: list[str] = []
