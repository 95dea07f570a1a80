"""Places in a file, and their names."""

import ast
import re
from collections.abc import Iterable, Iterator

from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.reading.module import Module

__all__ = [
    "functions_of",
    "is_test",
    "last_name",
    "mentioned",
    "scopes_of",
    "subject_of",
]


_TESTS = re.compile(r"/(tests?|testing|unittests?|tornado/demos)/")
"""Folders of tests, and of the examples in a copy of Tornado's repository."""


def last_name(node: ast.AST) -> str:
    """`decode` of `jwt.decode`, of `decode`, and of a call of it."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return last_name(node.func)
        case ast.Subscript(slice=ast.Constant(value=str() as text)):
            return text
        case _:
            return ""


def mentioned(node: ast.AST) -> set[str]:
    """Plain names in an expression."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def is_test(module: Module) -> bool:
    """Return True if a file holds tests, by its imports and its name."""
    stem = module.file.stem
    return (
        stem == "conftest"
        or stem.startswith("test_")
        or stem.endswith("_test")
        or _TESTS.search(f"/{module.path}") is not None
        or any(name in module.names for name in ("pytest", "unittest", "AsyncHTTPTestCase"))
    )


def scopes_of(module: Module, node: ast.AST) -> tuple[ast.AST, ...]:
    """The functions and classes around a call, outermost first."""
    return module.around(node)


def subject_of(module: Module, scopes: Iterable[ast.AST]) -> str:
    """Qualified name of the class around a place, or of the module."""
    names = [one.name for one in scopes if isinstance(one, ast.ClassDef)]
    return ".".join([module.name, *names])


def functions_of(
    endpoint: Endpoint,
) -> Iterator[tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The handler's methods, and functions of the project that ran on its way; each once."""
    seen: set[int] = set()
    for method in endpoint.methods():
        if isinstance(method.node, ast.FunctionDef | ast.AsyncFunctionDef) and method.module.inside:
            seen.add(id(method.node))
            yield method.module, method.node
    for event in endpoint.member.events:
        if not event.module.inside:
            continue
        for around in scopes_of(event.module, event.node)[-1:]:
            if (
                isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef)
                and id(around) not in seen
            ):
                seen.add(id(around))
                yield event.module, around
