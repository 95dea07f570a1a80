"""Pins of a board, which are called like what one types in to be let in."""

import re
from functools import lru_cache

from stormdoor.auditor.interpreter.values import Unknown, Value
from stormdoor.auditor.reading.module import Module

__all__ = ["is_a_pin"]

_PIN = re.compile(r"pin(_?(id|no|num|number))?\b['\")\]]*$", re.IGNORECASE)
_BOARDS = re.compile(
    r"gpio|firmata|arduino|raspberry|wiring_?pi|(analog|digital)_?(read|write)|\bpwm\b",
    re.IGNORECASE,
)


def is_a_pin(value: Value, module: Module) -> bool:
    """`board.digital[data["pin"]]`: where a file speaks of a board, a pin is one of that.

    One that is compared with another is typed in there, too: that opens a door.
    """
    return (
        isinstance(value, Unknown)
        and "credential" in value.labels
        and _PIN.search(value.text) is not None
        and _speaks_of_boards(module)
    )


@lru_cache(maxsize=256)
def _speaks_of_boards(module: Module) -> bool:
    return any(map(_BOARDS.search, module.lines))
