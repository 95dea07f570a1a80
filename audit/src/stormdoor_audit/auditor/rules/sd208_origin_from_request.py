"""An origin check that trusts the request.

What:
    `check_origin()` compares the origin with an argument or a cookie. Or it accepts every origin if the
    Host header or the address of the client has a certain value.

Why:
    The page that opens the connection chooses the address, and with it the argument. A hostile page in
    the operator's browser opens `ws://localhost` from the same machine. The Host header names the
    server, and says nothing about the page.

Example:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin == self.get_argument("origin")

Instead:
    class Chat(WebSocketHandler):
        def check_origin(self, origin):
            return origin in {"https://app.example"}

Fix:
    Compare with a list that the server holds.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("check_origin")
    if method is None:
        return
    compared = list(_comparisons(method.node))
    for node in compared:
        yield Found(
            method.module,
            node,
            f"check_origin() of {endpoint.info.name} compares the origin with a value of the request.",
        )
    answer = endpoint.origins
    where = {
        "host": f"if the Host is {answer.where}",
        "address": f"if the client's address is {answer.where}, as behind a proxy or in its own browser",
        "request": "if the address of the handshake says so, which the page chooses",
    }.get(answer.trick or "")
    if where is not None and answer.kind == "weak" and not compared:
        yield Found(
            method.module,
            method.node,
            f"check_origin() of {endpoint.info.name} accepts every origin {where}.",
        )


def _comparisons(method: ast.AST) -> Iterator[ast.Compare]:
    """Comparisons of a name with something that the request brings along."""
    for node in ast.walk(method):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_asked(side) for side in sides) and any(
                isinstance(side, ast.Name | ast.Attribute) for side in sides
            ):
                yield node


def _asked(node: ast.expr) -> bool:
    return any(
        isinstance(inner, ast.Attribute)
        and inner.attr
        in {"get_argument", "get_query_argument", "get_cookie", "arguments", "cookies"}
        for inner in ast.walk(node)
    )


RULE = rule(
    __doc__,
    id="SD208",
    slug="origin-from-request",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak origin",
    cwe=(346, 807),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    check=Check.ORIGIN,
    on_endpoint=_check,
)
