"""Starts the servers of the lab, and what an attack has at hand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.harness.target import Line, Outcome, Refused, Session, Socket, Target

__all__ = ["Line", "Outcome", "Refused", "Session", "Socket", "Target"]


def __getattr__(name: str) -> object:
    """A name when it is used: the servers start without the clients that attack them."""
    if name not in __all__:
        raise AttributeError(name)
    from lab.harness import target  # noqa: PLC0415 - as said

    return getattr(target, name)
