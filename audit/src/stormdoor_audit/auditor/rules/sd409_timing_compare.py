"""A credential compared with `==`.

What:
    The server compares a token, a password or a signature of the client with the right value by `==` or
    `!=`.

Why:
    The comparison stops at the first different character. An attacker who measures response times
    finds the secret character by character.

Example:
    if token != API_TOKEN:
        raise HTTPError(401)

Instead:
    if not hmac.compare_digest(token, API_TOKEN):
        raise HTTPError(401)

Fix:
    Compare with `hmac.compare_digest(a, b)`.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.literals import Literals
from stormdoor_audit.auditor.facts.places import functions_of, last_name, subject_of
from stormdoor_audit.auditor.facts.secret_names import is_secret_name
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_SCHEMES = frozenset({"basic", "bearer", "digest", "token", "apikey", "jwt", "anonymous", "none"})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    asked = {id(event.node) for event in endpoint.anonymous.events if event.kind == "check"}
    for module, function in functions_of(endpoint):
        for node in ast.walk(function):
            if not isinstance(node, ast.Compare) or len(node.ops) != 1:
                continue
            if not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            sides = [node.left, node.comparators[0]]
            if any(_is_of_a_text(endpoint, function, one) for one in sides):
                continue  # it raises before anything is compared
            if any(isinstance(one, ast.Constant) and _is_public(one.value) for one in sides):
                continue
            scopes = (*_around(endpoint, function), function)
            literals = Literals(endpoint.project, module, scopes)
            if any(_is_mac(literals, one) for one in sides) or (
                id(node) in asked
                and any(is_secret_name(last_name(one)) or _shows(one) for one in sides)
            ):
                yield Found(
                    module,
                    node,
                    f"{module.source(node)} takes longer if more leading characters are right.",
                    subject=subject_of(module, scopes),
                )


def _is_public(value: object) -> bool:
    """Return whether a value is None, a truth value or the name of a scheme, which is no secret."""
    return not value or value is True or str(value).strip().lower() in _SCHEMES


def _is_of_a_text(
    endpoint: Endpoint, function: ast.FunctionDef | ast.AsyncFunctionDef, node: ast.expr
) -> bool:
    """`token.token` where `open(self, token)` is given a part of the address, which has no such thing."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if not hasattr(str, attr):
            places = [at for at, one in enumerate(function.args.args) if one.arg == name and at]
        case _:
            return False
    if function.name in _GIVEN_TEXT:
        return bool(places)
    return any(_hands_on(endpoint, function.name, at - 1) for at in places)


def _hands_on(endpoint: Endpoint, name: str, at: int) -> bool:
    """Return whether `open` passes its own argument to a method: `self.opened(token)`."""
    for method in (endpoint.method(one) for one in _GIVEN_TEXT):
        node = method.node if method is not None else None
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        given = {one.arg for one in node.args.args[1:]}
        for call in ast.walk(node):
            match call:
                case ast.Call(func=ast.Attribute(attr=called), args=args) if called == name:
                    return len(args) > at and last_name(args[at]) in given
                case _:
                    pass
    return False


_GIVEN_TEXT = ("get", "open")


def _around(endpoint: Endpoint, function: ast.AST) -> tuple[ast.AST, ...]:
    for method in endpoint.methods():
        if method.node is function:
            return (method.owner.node,)
    return ()


def _shows(node: ast.expr) -> bool:
    """`get_argument("token")`, `headers.get("X-Token")`."""
    return any(
        isinstance(one, ast.Constant) and isinstance(one.value, str) and is_secret_name(one.value)
        for one in ast.walk(node)
    )


def _is_mac(literals: Literals, node: ast.expr) -> bool:
    found = literals.literal(node)
    return (
        isinstance(found, ast.Call)
        and isinstance(found.func, ast.Attribute)
        and any(name.startswith("hmac.new()") for name in literals.named(found.func))
    )


RULE = rule(
    __doc__,
    id="SD409",
    slug="timing-compare",
    level=Level.WARNING,
    confidence=Confidence.HIGH,
    group="tokens and secrets",
    cwe=(208,),
    asvs=("11.2.4",),
    threat="credential-stuffing",
    check=Check.AUTHENTICATION,
    on_endpoint=_check,
)
