"""`get_current_user()` that returns a user to every client.

What:
    `get_current_user()` returns a true constant to a client without a credential, at least under some
    condition that the client can meet.

Why:
    `@authenticated` and every test of `self.current_user` then pass for every client.

Example:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return "guest"

Instead:
    class Chat(WebSocketHandler):
        def get_current_user(self):
            return self.get_signed_cookie("user")

Fix:
    Return a verified identity, such as `self.get_signed_cookie("user")`, and None otherwise.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.places import functions_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SIGNED = frozenset({"get_secure_cookie", "get_signed_cookie"})
_ASKING = frozenset({"authenticated", "current_user", "get_current_user"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    method = endpoint.method("get_current_user")
    if method is None or not endpoint.authentication.lets_in:
        return
    if not isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if not endpoint.unread() and not _is_asked(endpoint, method.node):
        return
    proofs = _proofs(endpoint, method.node)
    for node in ast.walk(method.node):
        if (
            isinstance(node, ast.Return)
            and _constant(node.value)
            and not _is_earned(method.node.body, node, proofs)
        ):
            yield Found(
                method.module,
                node,
                f"get_current_user() of {endpoint.info.name} returns a user to an unauthenticated client.",
            )


def _is_asked(endpoint: Endpoint, answering: ast.AST) -> bool:
    """Return whether the handler uses the current user."""
    own = [function for _, function in functions_of(endpoint) if function is not answering]
    return any(_names_user(node) for one in own for node in ast.walk(one)) or any(
        # Another object asks the connection that it was given: `client.current_user`.
        _names_user(node) and not _of_self(node)
        for module in endpoint.project.naming(*_ASKING)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
    )


def _names_user(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in _ASKING
        case _:
            return False


def _of_self(node: ast.AST) -> bool:
    """`self.current_user` is another class's, and `web.authenticated` guards another one's method."""
    return isinstance(node, ast.Attribute) and (
        node.attr == "authenticated"
        or (isinstance(node.value, ast.Name) and node.value.id in {"self", "web"})
        or isinstance(node.value, ast.Call)
    )


def _proofs(endpoint: Endpoint, function: ast.AST) -> set[int]:
    """Return the expressions that are nothing for a client without a credential, and the names for them."""
    found = {
        id(place)
        for event in endpoint.anonymous.events
        if event.kind == "check"
        for place in (event.node, *(site for _, site, _ in event.stack))
    }
    found |= {
        id(node)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _SIGNED
    }
    held = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _inside(node.value, found)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return found | {
        id(node) for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in held
    }


def _inside(node: ast.AST, places: set[int]) -> bool:
    return any(id(one) in places for one in ast.walk(node))


def _is_earned(block: list[ast.stmt], wanted: ast.Return, proofs: set[int]) -> bool:
    """Return whether only a client with a credential reaches a `return`."""
    for statement in block:
        if isinstance(statement, ast.If) and _inside(statement.test, proofs):
            negative = _is_negative(statement.test)
            for branch, earns in ((statement.body, not negative), (statement.orelse, negative)):
                if any(_inside(one, {id(wanted)}) for one in branch):
                    return earns or _is_earned(branch, wanted, proofs)
            if negative and isinstance(statement.body[-1], ast.Return | ast.Raise):
                return any(
                    _inside(one, {id(wanted)}) for one in block[block.index(statement) + 1 :]
                )
        elif _inside(statement, {id(wanted)}):
            return any(
                _is_earned(branch, wanted, proofs)
                for branch in _branches(statement)
                if any(_inside(one, {id(wanted)}) for one in branch)
            )
    return False


def _branches(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for handler in getattr(statement, "handlers", []):
        yield handler.body


def _is_negative(test: ast.expr) -> bool:
    match test:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[ast.Is() | ast.NotEq() | ast.NotIn()]):
            return True
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return _is_negative(first)
        case _:
            return False


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
