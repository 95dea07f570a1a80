"""Things that are called like what one shows to be let in: pins of a board, tickets of a help desk."""

import re
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.values import Unknown, Value
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["is_a_thing"]

_THINGS = (
    (
        re.compile(r"pin(_?(id|no|num|number))?\b['\")\]]*$", re.IGNORECASE),
        re.compile(
            r"gpio|firmata|arduino|raspberry|wiring_?pi|(analog|digital)_?(read|write)|\bpwm\b",
            re.IGNORECASE,
        ),
    ),
    (
        re.compile(r"ticket\b['\")\]]*$", re.IGNORECASE),
        re.compile(r"help_?desk|assign(ed|ee)|priority|reopen|backlog", re.IGNORECASE),
    ),
)
"""Endings of a field's name, with words of a file in which it is such a thing."""


def is_a_thing(value: Value, module: Module) -> bool:
    """`board.digital[data["pin"]]`: where a file speaks of a board, a pin is one of that.

    One that is compared with another is typed in there, too: that opens a door.
    """
    return (
        isinstance(value, Unknown)
        and "credential" in value.labels
        and any(field.search(value.text) and _speaks_of(module, of) for field, of in _THINGS)
    )


@lru_cache(maxsize=512)
def _speaks_of(module: Module, of: re.Pattern[str]) -> bool:
    return any(map(of.search, module.lines))
