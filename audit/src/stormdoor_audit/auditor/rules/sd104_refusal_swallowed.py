"""A refusal that an except clause discards.

What:
    A check refuses the client with an exception. An `except` clause catches the exception, and the
    handshake goes on.

Why:
    The check runs, fails, and has no effect: the server accepts a client with a wrong credential.

Example:
    class Chat(WebSocketHandler):
        def prepare(self):
            try:
                self.user = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
            except Exception:
                pass

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            try:
                self.user = jwt.decode(self.get_argument("token"), KEY, algorithms=["HS256"])
            except jwt.InvalidTokenError:
                raise HTTPError(401) from None

Fix:
    Raise `HTTPError(401)` in the `except` clause, or remove the clause.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_HOOKS = words(
    """
    __init__ get get_websocket_protocol initialize on_message on_open open prepare
    select_subprotocol
    """
)
"""Methods that Tornado or SockJS calls during the life of a connection."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind != "swallowed" or answer.path is None:
        return
    for event in answer.path.events:
        if event.kind == "swallowed" and not _is_told(event):
            yield Found(
                event.module,
                event.node,
                f"This clause discards the refusal of {endpoint.info.name}: the handshake goes on.",
                steps=endpoint.steps(*answer.path.checks, event),
            )
            return


def _is_told(event: Event) -> bool:
    """Return whether the caller learns of the refusal, by an exception or by None or False.

    A return value of a method that Tornado calls, or of its wrapper in a decorator, has no effect.
    """
    if not isinstance(event.node, ast.ExceptHandler):
        return False
    match event.node.body[-1]:
        case ast.Raise():
            return True
        case ast.Return(value=ast.Constant(value=given)) if not given:
            around = _functions_around(event)
            return len(around) == 1 and around[0] not in _HOOKS
        case _:
            return False


def _functions_around(event: Event) -> list[str]:
    """Return the names of the functions around an `except` clause."""
    return [
        one.name
        for one in ast.walk(event.module.tree)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(inner is event.node for inner in ast.walk(one))
    ]


RULE = rule(
    __doc__,
    id="SD104",
    slug="refusal-swallowed",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(390, 306),
    asvs=("16.5.3",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
