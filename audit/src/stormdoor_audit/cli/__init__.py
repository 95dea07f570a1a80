"""The command `stormdoor-audit`."""

__all__: list[str] = []
