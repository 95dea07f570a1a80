"""What a message sets that another part of the program has in a condition: a switch, a mode, a pause."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from stormdoor.auditor.classes.again import called_again
from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import (
    ClassRef,
    Const,
    Instance,
    ModuleRef,
    Unknown,
    labels_of,
)
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.ownership import is_counted, is_of_the_program
from stormdoor.auditor.judging.verbs import NOTES
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Imported, Module
from stormdoor.auditor.reading.project import Project

__all__ = ["is_watched"]


def is_watched(endpoint: Endpoint, event: Event) -> bool:
    """`shared.heat = data["on"]`: another file asks for it, or a loop of this one does."""
    if not event.labels >= {"client", "message"}:
        return False
    if event.kind == "act":
        return _is_merged_into_what_is_asked(event)
    if event.kind not in {"alter", "store"}:
        return False
    holder, _, name = event.text.rpartition(".")
    key = event.values[0] if event.kind == "store" and len(event.values) == 2 else None
    if key is not None:
        if not isinstance(key, Const) or not isinstance(key.value, str) or _is_own(event):
            return False
        looked_at = _asks_for_entry(endpoint, event, name, key.value)
        name = key.value
    elif event.kind == "store":
        return False
    else:
        looked_at = _asks_for_attribute(endpoint.project, event, holder, name)
    noted = bool(NOTES & set(lexicon.words_of(name)))
    return looked_at and not noted and not is_counted(event.module, event.node)


def _is_merged_into_what_is_asked(event: Event) -> bool:
    """`wishes.update(data)`: a message says of any entry what it is, and so of one that a loop asks for."""
    table, _, name = event.text.rpartition(".")
    return (
        name == "update"
        and table.isidentifier()
        and any(isinstance(one, Unknown) and "message" in one.labels for one in event.values)
        and any(
            holder == table and key not in {"", name}
            for holder, key in _conditions(event.module, in_loops=True)
        )
    )


def _is_own(event: Event) -> bool:
    """Whether the table is the connection's own, or was found by what is said."""
    own = event.text.startswith("self.") and not event.text.startswith("self.application.")
    return own or (event.receiver is not None and "client" in labels_of(event.receiver))


def _asks_for_entry(endpoint: Endpoint, event: Event, table: str, key: str) -> bool:
    module = event.module
    if not table.isidentifier():
        # What was made by a call goes by other names where it is handed to.
        asked = any(one == key for _, one in _conditions(module, in_loops=True))
        return asked and is_of_the_program(endpoint, event)
    return (table, key) in _conditions(module, in_loops=True) or any(
        (table, key) in _conditions(one, in_loops=False)
        for one in _others(endpoint.project, [module], key)
    )


def _asks_for_attribute(project: Project, event: Event, holder: str, name: str) -> bool:
    match event.receiver:
        case ModuleRef(module=module):
            return ("", name) in _conditions(module, in_loops=False) or any(
                (called, name) in _conditions(one, in_loops=False)
                for one in _others(project, [event.module, module], name)
                for called in _names_for(one, module)
            )
        case ClassRef(info=info) | Instance(info=info):
            return any(
                (called, name) in _conditions(info.module, in_loops=True)
                for called in ("self", "cls", info.name, holder)
            )
        case None:
            return ("", name) in _conditions(event.module, in_loops=True)
        case _:
            return False


def _others(project: Project, but: list[Module], name: str) -> Iterator[Module]:
    """The other files of a program in which a name is written."""
    for module in project.naming(name):
        if module not in but and not module.is_test:
            yield module


def _names_for(module: Module, meant: Module) -> Iterator[str]:
    """What a file calls a module that it imports."""
    last = meant.name.rpartition(".")[2]
    for name, bindings in module.names.items():
        for one in bindings:
            if isinstance(one, Imported) and (one.name or one.module.rpartition(".")[2]) == last:
                yield name


@lru_cache(maxsize=256)
def _conditions(module: Module, *, in_loops: bool) -> frozenset[tuple[str, str]]:
    """What the conditions of a file look at: of what, and what; `in_loops` for what runs again and again."""
    inside: Iterable[ast.AST] = ast.walk(module.tree)
    if in_loops:
        again = called_again(module.tree)
        loops = [
            node
            for node in inside
            if isinstance(node, ast.While)
            or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in again)
        ]
        inside = (node for one in loops for node in ast.walk(one))
    return frozenset(
        found
        for node in inside
        if isinstance(node, ast.If | ast.IfExp | ast.While)
        for part in ast.walk(node.test)
        for found in _looked_at(part)
    )


def _looked_at(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Name(id=name):
            yield "", name
        case ast.Attribute(value=ast.Name(id=holder) | ast.Attribute(attr=holder), attr=name):
            yield holder, name
        case (
            ast.Subscript(
                value=ast.Name(id=holder) | ast.Attribute(attr=holder),
                slice=ast.Constant(value=str() as name),
            )
            | ast.Call(
                func=ast.Attribute(
                    value=ast.Name(id=holder) | ast.Attribute(attr=holder), attr="get"
                ),
                args=[ast.Constant(value=str() as name), *_],
            )
        ):
            yield holder, name
        case _:
            pass
