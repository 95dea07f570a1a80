"""An identity that the client chooses.

What:
    `get_current_user()` returns a plain cookie, an argument, a header or another value that the client
    chooses, without verifying it.

Why:
    An attacker sends `Cookie: user=admin` and is the administrator.

Example:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_cookie("user")

Instead:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Use `get_signed_cookie()`, or look up a session id that `secrets.token_urlsafe()` has made.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_OF_CLIENT = frozenset(["get_cookie", "get_argument", "get_query_argument", "get_body_argument"])


def _check(endpoint: Endpoint) -> Iterator[Found]:
    if not endpoint.authentication.lets_in:
        return
    method = endpoint.method("get_current_user")
    if method is None or not isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    tainted = _tainted(method.node)
    for node in ast.walk(method.node):
        if isinstance(node, ast.Return) and node.value is not None:
            source = _source(node.value, tainted)
            if source:
                yield Found(
                    method.module,
                    node,
                    f"{endpoint.info.name} takes the identity from {source}, which the client chooses.",
                )


def _tainted(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, str]:
    """Return the names of client-chosen values, each with its source.

    After `token = self.get_cookie("token")` and `token = sessions.find(token)` the value is a session. If
    only some branches look it up, it may still be client-chosen, unless it is None.
    """
    found: dict[str, str] = {}
    everywhere = {id(one) for one in function.body} | {
        id(inner)
        for one in function.body
        if isinstance(one, ast.If) and isinstance(one.test, ast.Name)
        for inner in one.body
        if one.test.id in _names(inner)
    }
    assigned = [one for one in ast.walk(function) if isinstance(one, ast.Assign)]
    for node in sorted(assigned, key=lambda one: one.lineno):
        if isinstance(node.targets[0], ast.Name):
            source = _source(node.value, found)
            if source:
                found[node.targets[0].id] = source
            elif id(node) in everywhere:
                found.pop(node.targets[0].id, None)
    return found


def _names(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds."""
    match node:
        case ast.Assign(targets=targets):
            return {one.id for one in targets if isinstance(one, ast.Name)}
        case _:
            return set()


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
