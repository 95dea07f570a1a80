"""`get_current_user()` that knows everybody.

What:
    `get_current_user()` returns a constant that counts as true, on some way that a client without a
    credential can take.

Why:
    `@authenticated` and every test of `self.current_user` then pass for everybody.

Example:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return "guest"

Instead:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Return what proves the identity, such as `self.get_signed_cookie("user")`, and None otherwise.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("get_current_user")
    if method is None or not endpoint.authentication.lets_in:
        return
    if not isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for node in ast.walk(method.node):
        if isinstance(node, ast.Return) and _constant(node.value):
            yield Found(
                method.module,
                node,
                f"get_current_user() of {endpoint.info.name} gives an identity to whoever asks.",
            )


def _constant(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Dict(keys=keys):
            return bool(keys) and all(isinstance(one, ast.Constant) for one in node.values)
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return bool(elts) and all(isinstance(one, ast.Constant) for one in elts)
        case _:
            return False


RULE = rule(
    __doc__,
    id="SD107",
    slug="constant-current-user",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="weak authentication",
    cwe=(287,),
    asvs=("6.3.4",),
    threat="direct-connection",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
