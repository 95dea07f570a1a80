"""A refusal that is caught and forgotten.

What:
    A check refuses the client with an exception, an `except` around it catches it, and the handshake
    goes on.

Why:
    The check runs, fails, and changes nothing: whoever sends a wrong credential gets in like everybody
    else.

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
    Raise `HTTPError(401)` in the `except`, or do not catch there.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_HOOKS = frozenset(
    {"__init__", "get", "get_websocket_protocol", "initialize", "on_message", "on_open", "open"}
    | {"prepare", "select_subprotocol"}
)
"""What Tornado or SockJS calls on the way of a connection."""


def _check(endpoint: Endpoint) -> Iterator[Found]:
    answer = endpoint.authentication
    if answer.kind != "swallowed" or answer.path is None:
        return
    for event in answer.path.events:
        if event.kind == "swallowed" and not _is_told(event):
            yield Found(
                event.module,
                event.node,
                f"The refusal of {endpoint.info.name} ends here: the handshake goes on without a credential.",
                steps=endpoint.steps(*answer.path.checks, event),
            )
            return


def _is_told(event: Event) -> bool:
    """Whether the caller is told: by an exception, or by the None or False of a function that answers.

    What Tornado calls, and what stands in for that in a decorator, has nobody to tell by what it returns.
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
    """The names of the functions that an `except` stands in."""
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
