"""The command `stormdoor`. One command, one file; slow modules are imported when a command runs."""

__all__: list[str] = []
