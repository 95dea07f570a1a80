"""Findings that can be mended by machine, and the changed text."""

__all__: list[str] = []
