"""An identity that the client writes itself.

What:
    `get_current_user()` returns a plain cookie, an argument, a header or another value that the client
    chooses, without verifying it.

Why:
    Anybody sets `Cookie: user=admin` and is admin.

Example:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_cookie("user")

Instead:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Use `get_signed_cookie()`, or look the value up as a session id that was made with
    `secrets.token_urlsafe()`.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_OF_CLIENT = frozenset(["get_cookie", "get_argument", "get_query_argument", "get_body_argument"])


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if not endpoint.authentication.lets_in:
        return
    method = endpoint.method("get_current_user")
    if method is None or not isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    tainted: dict[str, str] = {}
    for node in ast.walk(method.node):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            source = _source(node.value, tainted)
            if source:
                tainted[node.targets[0].id] = source
    for node in ast.walk(method.node):
        if isinstance(node, ast.Return) and node.value is not None:
            source = _source(node.value, tainted)
            if source:
                yield Found(
                    method.module,
                    node,
                    f"The identity of {endpoint.info.name} is {source}: the client writes it itself.",
                )


def _source(node: ast.expr, tainted: dict[str, str]) -> str:
    match node:
        case ast.Name(id=name):
            return tainted.get(name, "")
        case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id="self"))) if (
            attr in _OF_CLIENT
        ):
            return f"what {attr}() returns"
        case (
            ast.Call(func=ast.Attribute(value=inner))
            | ast.Attribute(value=inner)
            | ast.Subscript(value=inner)
        ):
            if ast.unparse(inner) in {
                "self.request.headers",
                "self.cookies",
                "self.request.cookies",
            }:
                return "a header or cookie that is not verified"
            return _source(inner, tainted)
        case ast.Call(func=ast.Name(id="str" | "int" | "escape"), args=[first, *_]):
            return _source(first, tainted)
        case ast.BoolOp(values=values):
            return next((one for value in values if (one := _source(value, tainted))), "")
        case ast.IfExp(body=body, orelse=orelse):
            return _source(body, tainted) or _source(orelse, tainted)
        case _:
            return ""


RULE = rule(
    __doc__,
    id="SD110",
    slug="unsigned-cookie-identity",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(565, 287),
    asvs=("7.2.1",),
    threat="session-hijacking",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
