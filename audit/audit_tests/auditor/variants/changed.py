"""Programs with something else written in them: the hole beside what is right."""

from typing import TypeAlias

__all__ = ["Program", "program"]

Program: TypeAlias = tuple[str, dict[str, str]]
"""The kind of its verdict, and its files."""


def program(kind: str, source: str, *changes: tuple[str, str]) -> Program:
    """A program of one file, with something else written in it."""
    for old, new in changes:
        if old not in source:
            raise ValueError(old)
        source = source.replace(old, new)
    return kind, {"server.py": source}
