"""Facts for rules: calls and their arguments, sinks, tokens, secrets."""

__all__: list[str] = []
