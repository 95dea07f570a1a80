"""Records: named tuples, and copies of an object with some fields anew."""

import ast

from stormdoor_audit.auditor.classes.bases import made_class
from stormdoor_audit.auditor.interpreter.values import (
    ClassRef,
    Const,
    Instance,
    Mapping,
    Sequence,
    Value,
)
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["COPIES", "FIELDS", "NAME_SPACES", "TUPLES", "copied_with", "name_space", "tuple_class"]

TUPLES = frozenset({"collections.namedtuple", "typing.NamedTuple"})
NAME_SPACES = frozenset({"types.SimpleNamespace", "argparse.Namespace", "tornado.util.ObjectDict"})
FIELDS = frozenset({"attr.asdict", "attrs.asdict", "dataclasses.asdict", "vars"})
COPIES = words("attr.evolve attrs.evolve copy.copy copy.replace dataclasses.replace")


def name_space(
    module: Module, args: list[Value], words: dict[str, Value], node: ast.AST
) -> Instance | None:
    """Object with the attributes that `SimpleNamespace(login=False)` receives."""
    given = dict(words)
    for one in args:
        if not isinstance(one, Mapping):
            return None
        given.update({key: value for key, value in one.items.items() if isinstance(key, str)})
    info = made_class(module, "Namespace", [], node)
    return Instance(info, given, text=info.name, shared=True)


def tuple_class(module: Module, args: list[Value], node: ast.AST) -> ClassRef | None:
    """The class that `namedtuple("Client", "socket user")` makes."""
    if len(args) < 2 or not isinstance(args[0], Const) or not isinstance(args[0].value, str):
        return None
    names = [one for one in _fields(args[1]) if one.isidentifier()]
    body: list[ast.stmt] = [
        ast.copy_location(
            ast.AnnAssign(
                target=ast.Name(one, ast.Store()), annotation=ast.Constant(None), simple=1
            ),
            node,
        )
        for one in names
    ]
    for statement in body:
        ast.fix_missing_locations(statement)
    info = made_class(module, args[0].value, body, node)
    return ClassRef(info, text=info.name)


def _fields(value: Value) -> list[str]:
    match value:
        case Const(value=str() as text):
            return text.replace(",", " ").split()
        case Sequence(items=items):
            first = [
                one.items[0] if isinstance(one, Sequence) and one.items else one for one in items
            ]
            return [str(one.value) for one in first if isinstance(one, Const)]
        case _:
            return []


def copied_with(record: Instance, words: dict[str, Value]) -> Instance:
    """The same record with some fields anew."""
    return Instance(record.info, {**record.attrs, **words}, record.labels, record.text)
