"""Real programs, started as their documentation says, and what the prober says of them."""

__all__: list[str] = []
