"""Tables of connections in which nobody is found by a name: they are gone through, or only kept."""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.reading.budget import remembered
from stormdoor.auditor.reading.module import Module
from stormdoor.auditor.reading.project import Project

__all__ = ["is_found_by_nobody"]

_KEEPS = words("add append clear discard items keys remove values")
"""Methods of a table by which nobody is picked."""


def is_found_by_nobody(project: Project, event: Event) -> bool:
    """`clients[self.key] = self`, where all of the table are told the same, if anything."""
    match event.node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Attribute(attr=key)) if (
            event.kind == "join" and name == event.text
        ):
            return (
                _picks_nobody(event.module, name)
                and _is_only_kept(event.module, name, key)
                and not _is_had_from(project, event.module, name)
            )
        case _:
            return False


@lru_cache(maxsize=256)
def _is_only_kept(module: Module, table: str, key: str) -> bool:
    """Whether what a connection says it is called is for the table alone, and is compared with nothing."""
    beside: set[int] = set()
    uses: set[int] = set()
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) if name == key:
                uses.add(id(node))
            case (
                ast.Subscript(value=ast.Name(id=name), slice=inner)
                | ast.Compare(left=inner, comparators=[ast.Name(id=name)])
                | ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))], value=inner)
            ) if name == table:
                beside.update(map(id, ast.walk(inner)))
            case (
                ast.Call(func=ast.Name(id="print"))
                | ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger" | "logging")))
            ):
                beside.update(map(id, ast.walk(node)))
            case _:
                pass
    return uses <= beside


@remembered
def _is_had_from(project: Project, module: Module, name: str) -> bool:
    """Whether another file may have the table: it speaks of one of this name, and not of its own."""
    return any(
        f".{name}" in line or (name in line and "import" in line)
        for other in project.naming(name)
        if other is not module and not other.is_test
        for line in other.lines
    )


@lru_cache(maxsize=1024)
def _picks_nobody(module: Module, name: str) -> bool:
    """Whether a name is that of a table of this file, and each use of it is one that picks nobody."""
    if name not in module.names:
        return False
    uses = kept = 0
    gone_through: set[str] = set()
    looked_up: list[ast.expr] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=used) if used == name:
                uses += 1
            case ast.Global(names=names) if name in names:
                return False
            case _:
                kept += _keeps(node, name)
        for loop in _loops(node):
            if _is_of(loop.iter, name):
                each = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
                if any(_tells_apart(one, each) for one in _conditions(node)):
                    return False
                gone_through |= each
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            looked_up += [node.slice] if _is_of(node.value, name) else []
    found = [one for one in looked_up if isinstance(one, ast.Name) and one.id in gone_through]
    return len(found) == len(looked_up) and uses == kept + len(found)


def _keeps(node: ast.AST, name: str) -> int:
    """How often a part of the source uses the table, in a way in which nobody is picked."""
    match node:
        case ast.Assign(targets=targets):
            return sum(isinstance(one, ast.Name) and one.id == name for one in targets)
        case ast.AnnAssign(target=ast.Name(id=used)):
            return used == name
        case ast.Subscript(value=ast.Name(id=used), ctx=ast.Store() | ast.Del()):
            return used == name
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=used)]):
            return used == name
        case ast.Attribute(value=ast.Name(id=used), attr=method):
            return used == name and method in _KEEPS
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=used), attr="pop"))):
            return used == name
        case ast.Call(func=ast.Name(id="len" | "list" | "sorted"), args=[ast.Name(id=used)]):
            return used == name
        case ast.For(iter=ast.Name(id=used)) | ast.comprehension(iter=ast.Name(id=used)):
            return used == name
        case _:
            return 0


def _loops(node: ast.AST) -> Sequence[ast.For | ast.comprehension]:
    match node:
        case ast.For():
            return [node]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return node.generators
        case _:
            return []


def _conditions(loop: ast.AST) -> Iterator[ast.AST]:
    """All that is a part of what a loop asks about each."""
    for node in ast.walk(loop):
        match node:
            case ast.If(test=test) | ast.IfExp(test=test):
                yield from ast.walk(test)
            case ast.comprehension(ifs=tests):
                yield from (inner for one in tests for inner in ast.walk(one))
            case _:
                pass


def _tells_apart(condition: ast.AST, each: set[str]) -> bool:
    """`name == wanted`, `name.startswith(wanted)`: who is meant is picked; not so by `one is not self`."""
    match condition:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            alike = any(_is_itself_or_nothing(one) for one in sides)
            return not alike and any(
                not isinstance(one, ast.Attribute) and _names(one, each) for one in sides
            )
        case ast.Call(args=[_, *_]):
            return _names(condition, each)
        case _:
            return False


def _is_itself_or_nothing(node: ast.expr) -> bool:
    match node:
        case ast.Name(id="self") | ast.Constant(value=None):
            return True
        case _:
            return False


def _names(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def _is_of(node: ast.expr, name: str) -> bool:
    """`clients`, `clients.keys()`, `list(clients)`."""
    return _names(node, {name})
