"""An environment of Python, in which the bases of handlers are looked up. Nothing in it is run."""

from __future__ import annotations

from pathlib import Path

__all__ = ["packages_of"]

_PATTERNS = (
    "lib/python3*/site-packages",
    "lib64/python3*/site-packages",
    "lib/python3*/dist-packages",
    "lib/python3/dist-packages",
    "Lib/site-packages",
)


def packages_of(environment: Path) -> tuple[Path, ...]:
    """The directories that hold its packages; empty where it is no environment.

    Args:
        environment: Its directory, its interpreter, or a directory of packages.
    """
    # Not resolved: the interpreter of an environment is a link to another one.
    top = environment.parent.parent if environment.is_file() else environment
    if top.name in {"site-packages", "dist-packages"}:
        return (top.resolve(),)
    found = [one.resolve() for pattern in _PATTERNS for one in sorted(top.glob(pattern))]
    return tuple(dict.fromkeys(found))
