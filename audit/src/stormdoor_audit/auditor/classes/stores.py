"""Attributes that the statements of a class or a method store on objects, read once each."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from stormdoor_audit.auditor.classes.callers import FunctionDefinition

__all__ = ["Stores", "filled_by", "kept_by", "parameters_of", "stored_by", "stores_in"]


@dataclass(frozen=True, slots=True)
class Stores:
    """The attributes that a class statement stores to, by their names.

    Args:
        times: Number of places that store to it, on any object.
        makers: The functions that do, and those around them.
        on_objects: Attributes that are stored not only on `cls`.
        values: What `self.name = ...` gives it.
        switched_on: The names of what it is stored to True on.
    """

    times: Mapping[str, int]
    makers: Mapping[str, frozenset[str]]
    on_objects: frozenset[str]
    values: Mapping[str, tuple[ast.expr, ...]]
    switched_on: Mapping[str, frozenset[str]]


# INVARIANT: nothing changes a syntax tree after it was parsed or made.
@lru_cache(maxsize=4096)
def stores_in(node: ast.ClassDef) -> Stores:
    """Return the attributes that the statements in this class store on objects."""
    times: Counter[str] = Counter()
    makers: dict[str, set[str]] = {}
    on_objects: set[str] = set()
    values: dict[str, list[ast.expr]] = {}
    switched_on: dict[str, set[str]] = {}
    for inner in ast.walk(node):
        match inner:
            case ast.Attribute(value=holder, attr=name, ctx=ast.Store()):
                times[name] += 1
                if not (isinstance(holder, ast.Name) and holder.id == "cls"):
                    on_objects.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for name in _stored_names(inner):
                    makers.setdefault(name, set()).add(inner.name)
            case ast.Assign(targets=targets, value=value):
                match targets:
                    case [ast.Attribute(value=ast.Name(id="self"), attr=name)]:
                        values.setdefault(name, []).append(value)
                    case _:
                        pass
                if isinstance(value, ast.Constant) and value.value is True:
                    for target in targets:
                        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                            switched_on.setdefault(target.attr, set()).add(target.value.id)
            case _:
                pass
    return Stores(
        times,
        {name: frozenset(found) for name, found in makers.items()},
        frozenset(on_objects),
        {name: tuple(found) for name, found in values.items()},
        {name: frozenset(found) for name, found in switched_on.items()},
    )


def _stored_names(function: ast.AST) -> set[str]:
    return {
        inner.attr
        for inner in ast.walk(function)
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
    }


@lru_cache(maxsize=4096)
def stored_by(function: FunctionDefinition) -> dict[str, list[ast.expr]]:
    """The values of `self.name = ...`, by the names."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node):
                match target:
                    case ast.Attribute(value=ast.Name(id="self"), attr=name):
                        found.setdefault(name, []).append(value)
                    case _:
                        pass
    return found


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each target with its value, also in `self.a, self.b = a, b`."""
    for target in node.targets:
        match target, node.value:
            case ast.Tuple(elts=left), ast.Tuple(elts=right) if len(left) == len(right):
                yield from zip(left, right, strict=True)
            case _:
                yield target, node.value


def kept_by(node: ast.ClassDef) -> dict[str, ast.Constant]:
    """`def __init__(self, origins=None): self.origins = origins`: the defaults of what it keeps."""
    kept: dict[str, ast.Constant] = {}
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            defaults = dict(parameters_of(method))
            for name, values in stored_by(method).items():
                named = {one.id if isinstance(one, ast.Name) else "" for one in values}
                default = defaults.get(named.pop()) if len(named) == 1 else None
                if isinstance(default, ast.Constant):
                    kept[name] = default
    return kept


def parameters_of(function: FunctionDefinition) -> Iterator[tuple[str, ast.expr | None]]:
    """The parameters that have a name of their own, with their defaults."""
    arguments = function.args
    names = [*arguments.posonlyargs, *arguments.args]
    missing = len(names) - len(arguments.defaults)
    for at, one in enumerate(names):
        yield one.arg, arguments.defaults[at - missing] if at >= missing else None
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield one.arg, default


@lru_cache(maxsize=65536)
def filled_by(function: ast.AST, ways: frozenset[str]) -> frozenset[str]:
    """Tables of its object that a method puts something into: `self.users[name] = user`."""
    filled: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="self"), attr=name), ctx=ast.Store()
            ):
                filled.add(name)
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id="self"), attr=name), attr=way
                )
            ) if way in ways:
                filled.add(name)
            case _:
                pass
    return frozenset(filled)
