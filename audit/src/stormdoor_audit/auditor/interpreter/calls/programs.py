"""Other programs that are asked whether a password is right: `htpasswd -v`, by its exit status."""

import re

from stormdoor_audit.auditor.interpreter.values import Const, Sequence, Value, settled, text_of

__all__ = ["RAISES", "asks_password"]

_RUN = frozenset({"call", "check_call", "check_output", "run"})
RAISES = frozenset({"check_call", "check_output"})
"""Calls that raise if the program exits with an error."""
_ASKS = re.compile(r"passw|login|auth|\bpam|verify|^su$", re.IGNORECASE)


def asks_password(name: str, args: list[Value]) -> bool:
    """Return True if a program starts that by its name or arguments checks a password."""
    module, _, last = name.rpartition(".")
    if module != "subprocess" or last not in _RUN or not args:
        return False
    given = args[0].items if isinstance(args[0], Sequence) else [args[0]]
    said = [one.value if isinstance(one, Const) else text_of(one) for one in map(_plain, given)]
    return any(isinstance(one, str) and _ASKS.search(one) for one in said)


def _plain(value: Value) -> Value:
    return settled(value) or value
