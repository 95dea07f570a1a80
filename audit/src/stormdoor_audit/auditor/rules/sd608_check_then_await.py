"""A check that an await makes stale.

What:
    A handler tests state that other connections change, waits in an `await`, and then changes the state
    as if the test still held.

Why:
    While one connection waits, another passes the same test: the server sells a seat twice, accepts a
    coupon twice or exceeds a limit.

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
    Change the state before the `await` and undo the change on failure; or hold an `asyncio.Lock` around
    both.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from stormdoor_audit.auditor.facts.places import functions_of, last_name, scopes_of, subject_of
from stormdoor_audit.auditor.facts.sharing import shared_containers
from stormdoor_audit.auditor.interpreter.tables import CHANGES
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_LOCKS = frozenset({"atomic", "lock", "locked", "mutex", "semaphore", "transaction"})
_JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    containers = shared_containers(endpoint)
    for module, function in functions_of(endpoint):
        if not _waits_for_others(function):
            continue
        declared = {
            name for one in ast.walk(function) if isinstance(one, ast.Global) for name in one.names
        }
        own = {
            one.id
            for one in ast.walk(function)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
        }
        own |= {one.arg for one in ast.walk(function) if isinstance(one, ast.arg)}
        reader = _Reader(module.names.keys() - (own - declared), containers)
        reader.read(function.body, _Known())
        for change, test in reader.found:
            yield Found(
                module,
                change,
                f"The test of line {test} ran before an await; "
                "another connection may have changed the state since.",
                subject=subject_of(module, scopes_of(module, function)),
            )


def _waits_for_others(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether other connections run while a node waits."""
    return isinstance(function, ast.AsyncFunctionDef) or "coroutine" in {
        last_name(one) for one in function.decorator_list
    }


@dataclass(slots=True)
class _Known:
    """The tested state with the lines of its tests, and the part of it tested before an await."""

    tested: dict[str, int] = field(default_factory=dict)
    stale: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "_Known":
        return _Known(dict(self.tested), dict(self.stale))

    def test(self, keys: set[str], line: int) -> None:
        for key in keys:
            self.tested[key] = line
            self.stale.pop(key, None)

    def wait(self) -> None:
        self.stale.update(self.tested)


class _Reader:
    """Reads a function from top to bottom.

    Args:
        shared: Names of the module, which all connections share.
        containers: Attributes of the handler that stand on the class.
    """

    def __init__(self, shared: set[str], containers: set[str]) -> None:
        self._shared = shared
        self._containers = containers
        self._fetched: set[str] = set()
        self.found: list[tuple[ast.stmt, int]] = []

    def read(self, body: list[ast.stmt], known: _Known) -> None:
        """Follow a block; what is known is changed in place."""
        for statement in body:
            self._statement(statement, known)

    def _statement(self, statement: ast.stmt, known: _Known) -> None:
        match statement:
            case ast.If():
                self._branch(statement, known)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                if any(_is_lock(item.context_expr) for item in items):
                    return
                if isinstance(statement, ast.AsyncWith):
                    known.wait()
                self.read(body, known)
            case ast.Try(body=body, orelse=orelse, finalbody=final):
                # What is done where it fails takes back what was done.
                self.read([*body, *orelse, *final], known)
            case ast.For(body=body) | ast.AsyncFor(body=body) | ast.While(body=body):
                if isinstance(statement, ast.AsyncFor):
                    known.wait()
                self.read(body, known)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case _:
                self._simple(statement, known)

    def _branch(self, statement: ast.If, known: _Known) -> None:
        self._wait(statement.test, known)
        before = known.copy()
        known.test(self._tested(statement.test), statement.lineno)
        goes_on: list[_Known] = []
        for block in (statement.body, statement.orelse):
            after = known.copy()
            self.read(block, after)
            if not block or not isinstance(block[-1], _JUMPS):
                goes_on.append(after)
        match goes_on:
            case [after]:
                known.tested, known.stale = after.tested, after.stale
            case [one, other]:
                # What it tests guards its blocks only; what came before still holds in both.
                kept = before.tested.keys() & one.tested.keys() & other.tested.keys()
                known.tested = {key: before.tested[key] for key in kept}
                known.stale = {key: before.tested[key] for key in kept & {*one.stale, *other.stale}}
            case _:
                pass

    def _simple(self, statement: ast.stmt, known: _Known) -> None:
        waits = self._wait(statement, known)
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign):
            fetched = waits or (isinstance(value, ast.Name) and value.id in self._fetched)
            if fetched:
                self._fetched |= {one.id for one in statement.targets if isinstance(one, ast.Name)}
                # What was not there is loaded and kept: two that do so load it twice.
                keys = {key for target in statement.targets if (key := self._key(target))}
                known.test(keys, statement.lineno)
                return
        for key in self._changed(statement):
            if key in known.stale:
                self.found.append((statement, known.stale[key]))
            known.tested.pop(key, None)
            known.stale.pop(key, None)

    def _wait(self, node: ast.AST, known: _Known) -> bool:
        waits = any(
            isinstance(one, ast.Await | ast.Yield | ast.YieldFrom) for one in ast.walk(node)
        )
        if waits:
            known.wait()
        return waits

    def _tested(self, test: ast.expr) -> set[str]:
        """Return the state that a condition reads, without the membership of this connection itself."""
        own = {
            id(one)
            for compared in ast.walk(test)
            if isinstance(compared, ast.Compare)
            and isinstance(compared.left, ast.Name)
            and compared.left.id == "self"
            for one in ast.walk(compared)
        }
        return {key for part in ast.walk(test) if id(part) not in own and (key := self._key(part))}

    def _changed(self, statement: ast.stmt) -> set[str]:
        match statement:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                changed = targets
            case ast.AugAssign(target=target):
                changed = [target]
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=holder, attr=name))
                | ast.Await(value=ast.Call(func=ast.Attribute(value=holder, attr=name)))
            ) if name in CHANGES:
                changed = [holder]
            case _:
                changed = []
        return {key for one in changed if (key := self._key(one))}

    def _key(self, node: ast.AST) -> str:
        """Return the text of an expression that all connections share; "" for another."""
        match node:
            case ast.Name(id=name) if name in self._shared:
                return name
            case ast.Attribute(value=ast.Name(id="self"), attr=attr) if attr in self._containers:
                return ast.unparse(node)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr="application")):
                return ast.unparse(node)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr="__class__")):
                return ast.unparse(node)
            case ast.Attribute(value=ast.Name(id=name)) if (
                name in self._shared and name[:1].isupper()
            ):
                return ast.unparse(node)
            case ast.Subscript(value=value):
                return self._key(value)
            case _:
                return ""


def _is_lock(context: ast.expr) -> bool:
    """`async with self.lock:`, `with db.transaction():`."""
    return bool(_LOCKS & set(words_of(last_name(context))))


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
