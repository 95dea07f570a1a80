"""What a handler returns for a message that came too early."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hold"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing more is read for a while: what goes on coming waits in the kernel, and then at the client.

    Attributes:
        seconds: For how long. It ends earlier when the connection does.
        again: Whether the message at hand is handed over once more afterwards, as if it had only come then.
    """

    seconds: float
    again: bool
