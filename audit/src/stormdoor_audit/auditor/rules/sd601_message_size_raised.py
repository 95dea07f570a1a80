"""A message size limit above the default.

What:
    `websocket_max_message_size` is above Tornado's default of 10 MiB, or None.

Why:
    The server holds a message in memory until it is complete. A few clients with large messages use up
    the memory of the server.

Example:
    app = Application(handlers, websocket_max_message_size=2**30)

Instead:
    app = Application(handlers, websocket_max_message_size=64 * 1024)

Fix:
    Set the size of the largest message, in bytes: `websocket_max_message_size=65536`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.calls import Call, in_files, on_the_way
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_DEFAULT = 10 * 1024 * 1024


def _check(call: Call) -> Iterator[Found]:
    if (
        call.names & {"tornado.web.Application", "dict"}
        or "websocket_max_message_size" in call.words
    ):
        given = call.words.get("websocket_max_message_size")
        size = _number(call.literal(given)) if given is not None else 0
        if given is not None and size > _DEFAULT:
            says = "unlimited" if size == float("inf") else f"{size / 1024 / 1024:g} MiB"
            yield call.found(f"The server accepts messages of {says}.", given)


def _number(node: ast.AST) -> float:
    """Return the value of an arithmetic literal; 0 for another expression."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _number(left), _number(right)
            if isinstance(op, ast.Mult):
                return one * other
            if isinstance(op, ast.Pow) and 0 <= other < 80:
                return one**other if one < 1025 else 0.0
            if isinstance(op, ast.LShift) and 0 <= other < 80:
                return one * 2**other
            return 0.0
        case ast.Attribute(attr="maxsize" | "inf") | ast.Call(args=[ast.Constant(value="inf")]):
            return float("inf")
        case _:
            return 0.0


RULE = rule(
    __doc__,
    id="SD601",
    slug="message-size-raised",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="limits",
    cwe=(770,),
    asvs=("15.2.2",),
    threat="message-flood",
    check=Check.LIMITS,
    on_endpoint=on_the_way(_check, "Application", "dict", "__init__"),
    on_module=in_files(_check, "Application", "dict", "__init__"),
)
