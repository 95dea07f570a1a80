"""A check that is old when it is used.

What:
    A handler tests something that other connections change, waits in an `await`, and changes
    it as if the test still held.

Why:
    While one connection waits, another passes the same test: a seat is sold twice, a coupon
    used twice, a limit exceeded.

Example:
    if room not in taken:
        await self.charge()
        taken[room] = self.user

Instead:
    async with lock:
        if room not in taken:
            await self.charge()
            taken[room] = self.user

Fix:
    Change the state before the `await` and undo it where that fails; or hold an
    `asyncio.Lock` around both.
"""

import ast
from collections.abc import Iterator

from stormdoor.auditor.facts.places import functions_of, scopes_of, subject_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.rule import Found, rule
from stormdoor.report.finding import Check, Confidence, Level

__all__ = ["RULE"]


def _check(endpoint: Endpoint) -> Iterator[Found]:
    for module, function in functions_of(endpoint):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        own = {
            one.id
            for one in ast.walk(function)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        shared = module.names.keys() - own
        for node in _outside_of_locks(function):
            if isinstance(node, ast.If):
                tested = {key for part in ast.walk(node.test) if (key := _key(part, shared))}
                if tested and (change := _changed_after_await(node.body, tested, shared)):
                    yield Found(
                        module,
                        change,
                        f"It was tested before an await whether this may be done (line {node.lineno}); "
                        "meanwhile another connection may have done it.",
                        subject=subject_of(module, scopes_of(module, function)),
                    )


def _outside_of_locks(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AsyncWith | ast.With | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from _outside_of_locks(child)


def _key(node: ast.AST, shared: set[str]) -> str:
    """The text of something that all connections share; "" where it is not known to be."""
    match node:
        case ast.Name(id=name) if name in shared:
            return name
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr="application")):
            return ast.unparse(node)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr="__class__")):
            return ast.unparse(node)
        case ast.Attribute(value=ast.Name(id=name)) if name in shared and name[:1].isupper():
            return ast.unparse(node)
        case ast.Subscript(value=value):
            return _key(value, shared)
        case _:
            return ""


def _changed_after_await(
    body: list[ast.stmt], tested: set[str], shared: set[str]
) -> ast.AST | None:
    waited = False
    for statement in body:
        if isinstance(statement, ast.AsyncWith | ast.With):
            continue
        targets: list[ast.expr] = []
        match statement:
            case ast.Assign(targets=found) | ast.Delete(targets=found):
                targets = found
            case ast.AugAssign(target=target):
                targets = [target]
            case ast.If(test=test) if waited and any(
                _key(part, shared) in tested for part in ast.walk(test)
            ):
                return None  # it is tested again
            case _:
                pass
        if waited and any(_key(target, shared) in tested for target in targets):
            return statement
        if any(isinstance(inner, ast.Await) for inner in ast.walk(statement)):
            waited = True
    return None


RULE = rule(
    __doc__,
    id="SD608",
    slug="check-then-await",
    level=Level.WARNING,
    confidence=Confidence.MEDIUM,
    group="operation",
    cwe=(367, 362),
    asvs=("15.4.2",),
    threat="race-in-authorization",
    check=Check.AUTHORIZATION,
    on_endpoint=_check,
)
