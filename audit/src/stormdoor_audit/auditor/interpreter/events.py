"""Events on a way, and the labels that they rest on."""

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from stormdoor_audit.auditor.interpreter.values import Labels, Value
from stormdoor_audit.auditor.reading.module import Module

__all__ = [
    "SERVING",
    "TELLS",
    "Assumption",
    "Event",
    "Mode",
    "Stage",
    "tells",
    "tells_what_is_drawn",
]

Mode = Literal["anonymous", "member", "origin"]


class Stage(StrEnum):
    """Stage of a connection in Tornado."""

    IMPORT = "import"
    PREPARE = "prepare"
    GET = "get"
    ORIGIN = "check_origin"
    OPEN = "open"
    MESSAGE = "on_message"
    LATER = "later"


SERVING = frozenset({Stage.OPEN, Stage.MESSAGE, Stage.LATER})
"""Stages that serve a client: after the 101."""


# INVARIANT: nothing changes an event. To have that enforced makes each take four times as long to make,
# and a scan makes them by the hundred thousand.
@dataclass(slots=True, eq=False)
class Event:
    """Something that happened on the way.

    Args:
        kind: `call`, `check`, `swallowed`, `close`, `send`, `join`, `act`, `finish`, `accept`,
            `dispatch`, `store`, `alter`, `message`, `absent`, `begun`, `fills`, `poses`, `query` reads a
            parameter of the address, `branch`.
        stage: Where Tornado was.
        node: The place.
        module: Its file.
        text: What, in words or as a dotted name.
        values: The arguments of a call.
        words: Its keyword arguments.
        receiver: The object a method was called on.
        labels: Of all of them.
        stack: The calls that led here, outermost first.
        presumed: Of a check: only a name says that it is one.
        constant: Of a send: nothing in it depends on anything.
        handling: It is part of what is done about an exception, after this client failed a check.
        remembered: Of a check: it looks at what was noted before, and proves nothing itself.
        meant: It happens for the user that the client claims to be.
    """

    kind: str
    stage: Stage
    node: ast.AST
    module: Module
    text: str = ""
    values: tuple[Value, ...] = ()
    words: tuple[tuple[str, Value], ...] = ()
    receiver: Value | None = None
    labels: Labels = frozenset()
    stack: tuple[tuple[Module, ast.AST, str], ...] = ()
    presumed: bool = False
    constant: bool = False
    handling: bool = False
    remembered: bool = False
    meant: bool = False


@dataclass(frozen=True, slots=True)
class Assumption:
    """A setting was taken to be true or false; `default` is its truth as shipped, if known."""

    name: str
    value: bool
    default: bool | None
    node: ast.AST
    module: Module


def tells_what_is_drawn(event: Event) -> bool:
    """Return True if the client is told a generated value, by a message, a page or a cookie."""
    return "drawn" in event.labels and tells(event)


def tells(event: Event) -> bool:
    """Return True if the client is told something, by a message, a page or a cookie."""
    return event.kind == "send" or (event.kind == "call" and event.text in TELLS)


TELLS = frozenset(
    f"handler.{name}"
    for name in (
        *("finish", "redirect", "render", "set_cookie", "set_header", "set_secure_cookie"),
        *("set_signed_cookie", "write"),
    )
)
"""Methods of a handler that send their argument to its client."""
