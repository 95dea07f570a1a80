"""Compare the class of an object with one of the host, which the adapter does not import."""

from __future__ import annotations

__all__ = ["is_instance_of"]


def is_instance_of(one: object, module: str, name: str) -> bool:
    """Return whether `one` is an instance of the class `name` of `module`, or of a subclass."""
    return any(
        each.__module__ == module and each.__qualname__ == name for each in type(one).__mro__
    )
