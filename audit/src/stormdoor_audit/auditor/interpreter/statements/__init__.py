"""Binding, branches, loops, exceptions: what statements do."""

__all__: list[str] = []
