"""A check with an unused result.

What:
    The handler calls a function that verifies the client. It does not test the result, and the function
    raises no exception.

Why:
    The call looks like a check in a review, but it refuses no client.

Example:
    class Chat(WebSocketHandler):
        def prepare(self):
            is_valid(self.get_argument("token"))

Instead:
    class Chat(WebSocketHandler):
        def prepare(self):
            if not is_valid(self.get_argument("token")):
                raise HTTPError(401)

Fix:
    Test the result: `if not ...: raise HTTPError(401)`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if not endpoint.authentication.lets_in:
        return
    seen: set[int] = set()
    for event in endpoint.anonymous.events:
        if event.kind == "ignored" and id(event.node) not in seen and not _enters(endpoint, event):
            seen.add(id(event.node))
            yield Found(
                event.module,
                event.node,
                f"The result of {event.text} is not used: it refuses no client.",
                steps=endpoint.steps(event),
            )


def _enters(endpoint: Endpoint, event: Event) -> bool:
    """Return whether a call gets only own methods as callbacks, as in `register.login(self.callback)`."""
    node = event.node.value if isinstance(event.node, ast.Await) else event.node
    return (
        isinstance(node, ast.Call)
        and bool(node.args)
        and not node.keywords
        and all(_is_own(endpoint, one) for one in node.args)
    )


def _is_own(endpoint: Endpoint, node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            method = endpoint.method(name)
            found = method.node if method is not None else None
            return isinstance(found, FunctionDefinition) and not found.decorator_list
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD105",
    slug="check-result-ignored",
    level=Level.ERROR,
    confidence=Confidence.MEDIUM,
    group="weak authentication",
    cwe=(252, 306),
    asvs=("8.2.1",),
    threat="logic-error-in-authorization",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
