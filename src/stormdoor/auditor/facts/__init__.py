"""What rules ask for: calls and their arguments, sinks, tokens, secrets."""

__all__: list[str] = []
