"""Uses of an expression's value: returned, thrown away, used."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Imported, Module
from stormdoor_audit.auditor.reading.project import Meaning, Project

__all__ = ["function_of", "imported_by", "is_defined", "is_ignored", "is_statement"]


@remembered
def is_defined(project: Project, name: str) -> bool:
    """Return whether a file of the program defines a function of this name.

    A method that no file defines is one of a library, which knows nothing of the program's users.
    """
    return any(one.name == name for module in project.naming(name) for one in module.functions())


def imported_by(project: Project, module: Module) -> list[Module]:
    """The modules that a file imports names from."""
    bound = [one for group in module.names.values() for one in group if isinstance(one, Imported)]
    found = (project.follow(module, one) for one in bound if module.inside)
    return [one.module for one in found if isinstance(one, Meaning)]


def is_statement(module: Module, node: ast.AST) -> bool:
    """Return True if a call stands alone: it is made for its effect, and not for its value."""
    return id(node) in _uses(module).stated


def function_of(event: Event) -> object:
    """The function that something stands in; the module where it stands in none."""
    return _uses(event.module).around.get(id(event.node), event.module)


def is_ignored(event: Event) -> bool:
    """Return True if the answer is thrown away: by the statement, or by the functions that return it."""
    places = [(event.module, event.node)]
    places += [(module, node) for module, node, _ in reversed(event.stack)]
    for module, node in places:
        uses = _uses(module)
        if id(node) in uses.ignored:
            return True
        if id(node) in uses.stated:  # what was not read may raise
            return event.kind == "check" or lexicon.is_predicate(event.text)
        if id(node) not in uses.returned:
            return False
    return False


@dataclass(frozen=True, slots=True)
class _Uses:
    """Ids of expressions, by what becomes of their value; the function around each expression."""

    ignored: frozenset[int]
    stated: frozenset[int]
    returned: frozenset[int]
    around: dict[int, ast.AST]


@lru_cache(maxsize=256)
def _uses(module: Module) -> _Uses:
    ignored: set[int] = set()
    stated: set[int] = set()
    returned: set[int] = set()
    around: dict[int, ast.AST] = {}
    for function in ast.walk(module.tree):
        match function:
            case ast.Lambda(body=value) | ast.Expr(value=value):
                stated.update(map(id, _parts(value)))
            case _:
                pass
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        nodes = list(ast.walk(function))
        around.update((id(node), function) for node in nodes)  # an inner function comes later
        read = {
            one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
        }
        for node in nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in read:
                    ignored.update(map(id, _parts(value)))
                case ast.Return(value=ast.expr() as value):
                    returned.update(map(id, _parts(value)))
                case _:
                    pass
    return _Uses(frozenset(ignored), frozenset(stated), frozenset(returned), around)


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """An expression, what it waits for, and what it combines."""
    yield value
    match value:
        case ast.Await(value=inner) | ast.YieldFrom(value=inner) | ast.UnaryOp(operand=inner):
            yield from _parts(inner)
        case ast.Yield(value=ast.expr() as inner):
            yield from _parts(inner)
        case ast.BoolOp(values=values):
            for one in values:
                yield from _parts(one)
        case _:
            pass
