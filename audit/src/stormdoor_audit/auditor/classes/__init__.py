"""Classes, what they inherit, what is put into them, and the routes that lead to them."""

__all__: list[str] = []
