"""Backpressure: the result of a message or control frame that exceeds a rate."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PauseReading"]


@dataclass(frozen=True, slots=True)
class PauseReading:
    """Pause reading: further data waits in the kernel, and then at the client.

    Attributes:
        seconds: Length of the pause. It ends earlier when the connection does.
        again: Whether the present message is evaluated again after the pause.
    """

    seconds: float
    again: bool = True
