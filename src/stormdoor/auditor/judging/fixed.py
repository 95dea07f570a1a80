"""Whom everybody is taken for, where that stands in the source: what is that user's alone, anybody has."""

import ast
from functools import lru_cache

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.classes.stores import stores_in
from stormdoor.auditor.interpreter.events import SERVING, Event
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.verbs import CHANGES, FINDS
from stormdoor.auditor.judging.wording import name_of
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Module

__all__ = ["is_of_who_is_fixed"]


def is_of_who_is_fixed(endpoint: Endpoint, event: Event) -> bool:
    """`if row["user"] == self.current_user: self.send(row)`, where that is a name in the class."""
    if event.stage not in SERVING or event.kind not in {"act", "call", "send"}:
        return False
    fixed = _fixed_in(endpoint)
    if not fixed:
        return False
    if event.kind == "send":
        asked = _compared_around(event.module).get(id(event.node), frozenset())
        return "answer" in event.labels and bool(asked & fixed)
    verb = set(lexicon.words_of(name_of(event))[:1])
    if not fixed & _given_to(event.node):
        return False
    return bool(CHANGES & verb) or (bool(FINDS & verb) and _tells_what_it_finds(endpoint))


def _tells_what_it_finds(endpoint: Endpoint) -> bool:
    return any(one.kind == "send" and "answer" in one.labels for one in endpoint.anonymous.events)


def _fixed_in(endpoint: Endpoint) -> frozenset[str]:
    """The attributes that say who somebody is, and that nobody gives another value than the class has."""
    nodes = [one.node for one in endpoint.info.mro if isinstance(one, ClassInfo)]
    stored = frozenset[str]().union(*(stores_in(one).on_objects for one in nodes))
    return frozenset[str]().union(*map(_constants_of, nodes)) - stored


@lru_cache(maxsize=1024)
def _constants_of(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(
        name
        for statement in node.body
        for name in _bound(statement)
        if lexicon.is_person(name) or lexicon.is_name_of_somebody(name)
    )


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() | int() as said))
            | ast.AnnAssign(
                target=ast.Name(id=name), value=ast.Constant(value=str() | int() as said)
            )
        ) if said and not isinstance(said, bool):
            return [name]
        case _:
            return []


@lru_cache(maxsize=256)
def _compared_around(module: Module) -> dict[int, frozenset[str]]:
    """What of itself a connection compares in the conditions around each call."""
    found: dict[int, frozenset[str]] = {}
    for node in ast.walk(module.tree):
        compared = _compared_in(node.test) if isinstance(node, ast.If) else frozenset[str]()
        if compared and isinstance(node, ast.If):
            for statement in node.body:
                for inner in ast.walk(statement):
                    if isinstance(inner, ast.Call):
                        found[id(inner)] = found.get(id(inner), frozenset()) | compared
    return found


def _compared_in(test: ast.expr) -> frozenset[str]:
    return frozenset(
        name
        for one in ast.walk(test)
        if isinstance(one, ast.Compare) and isinstance(one.ops[0], ast.Eq | ast.In)
        for name in _own_in(one)
    )


def _own_in(node: ast.AST) -> frozenset[str]:
    return frozenset(
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == "self"
    )


def _given_to(node: ast.AST) -> frozenset[str]:
    given = (
        [*node.args, *(one.value for one in node.keywords)] if isinstance(node, ast.Call) else []
    )
    return frozenset[str]().union(*map(_own_in, given))
