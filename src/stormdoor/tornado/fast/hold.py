"""The result of a handler for a message that exceeds a rate."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hold"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause reading: further data waits in the kernel, and then at the client.

    Attributes:
        seconds: Length of the pause. It ends earlier when the connection does.
        again: Whether the present message is passed to the handler again after the pause.
    """

    seconds: float
    again: bool
