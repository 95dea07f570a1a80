"""Backpressure: the result of a message or control frame that exceeds a rate."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FENCED", "FENCED_CONTROL", "PauseReading"]


@dataclass(frozen=True, slots=True)
class PauseReading:
    """Pause reading: further data waits in the kernel, and then at the client.

    Attributes:
        seconds: Length of the pause. It ends earlier when the connection does.
        again: Whether the present message is evaluated again after the pause.
    """

    seconds: float
    again: bool = True


_LOOK_SECONDS = 1.0
"""Seconds after which a message that waits for the lease is evaluated again, even without a renewal."""

FENCED = PauseReading(_LOOK_SECONDS)
"""Pause of a message that arrives after the lease has lapsed. `Sink.resume` ends it."""
FENCED_CONTROL = PauseReading(_LOOK_SECONDS, again=False)
"""The same of a control frame, which the handler does not see."""
