"""An unlimited number of connections.

What:
    `open()` adds the connection to a collection, and no code limits the size of the collection.

Why:
    One client opens connections until memory or file descriptors run out, and every broadcast takes
    longer.

Example:
    def open(self):
        clients.add(self)

Instead:
    def open(self):
        if len(clients) >= 1000:
            self.close(1013, "full")
            return
        clients.add(self)

Fix:
    Limit the connections in total, for each user and for each address; refuse more in `prepare()` with
    503.
"""

import ast
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.applications import is_left_over
from stormdoor_audit.auditor.facts.places import last_name, scopes_of, subject_of
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_ADDERS = frozenset({"add", "append"})
_COUNTS = words("capacity count full limit limits max quota semaphore total")
_BEFORE = frozenset({Stage.PREPARE, Stage.GET, Stage.ORIGIN, Stage.OPEN})


def _check(endpoint: Endpoint) -> Iterator[Found]:
    seen: set[ast.AST] = set()
    functions: list[FunctionDefinition] | None = None
    for event in endpoint.member.events:
        if event.kind != "join" or event.stage != Stage.OPEN or not event.module.inside:
            continue
        node = event.node
        if not isinstance(node, ast.Call) or node in seen or last_name(node) not in _ADDERS:
            continue
        seen.add(node)
        if len(node.args) != 1 or not isinstance(node.args[0], ast.Name):
            continue
        functions = _until_open(endpoint) if functions is None else functions
        if isinstance(node.func, ast.Attribute) and _is_counted(functions, _held(node.func.value)):
            continue
        if is_left_over(endpoint):
            return
        yield Found(
            event.module,
            node,
            f"{endpoint.info.name} accepts an unlimited number of connections.",
            subject=subject_of(event.module, scopes_of(event.module, node)),
        )
        return


def _held(node: ast.expr) -> str:
    """`rooms` of `self.rooms[name]`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return last_name(node)


def _is_counted(functions: list[FunctionDefinition], held: str) -> bool:
    """Return whether code on the path to a collection reads its size, or counts in another way."""
    for function in functions:
        for node in ast.walk(function):
            match node:
                case ast.Compare(left=left, comparators=[right]):
                    if _is_length(left, held) and not _is_none(right):
                        return True
                    if _is_length(right, held) and not _is_none(left):
                        return True
                case ast.Assign(value=value) | ast.NamedExpr(value=value) | ast.Return(value=value):
                    if value is not None and _is_length(value, held):
                        return True
                case ast.Name(id=name) | ast.Attribute(attr=name) if _COUNTS & set(words_of(name)):
                    return True
                case _:
                    pass
    return False


def _until_open(endpoint: Endpoint) -> list[FunctionDefinition]:
    """The functions that have run when a connection is open."""
    sites: dict[ast.AST, Module] = {}
    for event in endpoint.member.events:
        if event.stage in _BEFORE and event.module.inside and event.node not in sites:
            sites[event.node] = event.module
            sites.update((site, module) for module, site, _ in event.stack)
    found = {
        around: None for node, module in sites.items() for around in scopes_of(module, node)[-1:]
    }
    for name in ("prepare", "get", "open", "on_open"):
        method = endpoint.method(name)
        if method is not None and method.module.inside:
            found[method.node] = None
    return [one for one in found if isinstance(one, FunctionDefinition)]


def _is_length(node: ast.expr, held: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[what]):
            return any(
                isinstance(one, ast.Name | ast.Attribute) and last_name(one) == held
                for one in ast.walk(what)
            )
        case _:
            return False


def _is_none(node: ast.expr) -> bool:
    """Return whether a number is zero: a test for an empty collection sets no limit."""
    return isinstance(node, ast.Constant) and node.value == 0


RULE = rule(
    __doc__,
    id="SD604",
    slug="unbounded-connections",
    level=Level.NOTE,
    confidence=Confidence.LOW,
    group="limits",
    cwe=(770,),
    asvs=("15.2.2",),
    threat="connection-flood",
    check=Check.LIMITS,
    on_endpoint=_check,
)
