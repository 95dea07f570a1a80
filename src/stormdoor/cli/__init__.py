"""The command `stormdoor`. One command, one file; what is heavy is imported when a command runs."""

__all__: list[str] = []
