"""Tests of a path before its use.

The quality of the test is not judged. It must test the path or a part of it: a comparison of another
value in the same function does not count.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.bindings import Within
from stormdoor_audit.auditor.facts.places import last_name, scopes_of
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.naming.words import words

__all__ = ["is_tested", "sources_of"]

_TESTS = words(
    """
    basename commonpath commonprefix is_relative_to isalnum isdigit isidentifier relative_to
    safe_join secure_filename
    """
)
"""A test of the suffix limits no directory, and an absolute path (`abspath`, `resolve`) leads out of it
as before."""
_PATTERNS = frozenset({"match", "fullmatch"})
_SIGNS = re.compile(r"[./\\~:]|sep\b")
"""Signs that lead out of a directory."""
_ANYTHING = re.compile(r"(?<!\\)\.[*+]")
_DEEP = 12


def is_tested(event: Event, node: ast.expr | None) -> bool:
    """Return whether a function on the path to a call tests its file path."""
    sites: list[tuple[tuple[ast.AST, ...], ast.AST]]
    sites = [(scopes_of(event.module, event.node)[-1:], node or event.node)]
    sites += [(scopes_of(module, site)[-1:], site) for module, site, _ in event.stack]
    for around, given in sites:
        for function in around:
            if isinstance(function, FunctionDefinition) and _is_looked_at(function, given):
                return True
    return False


def _is_looked_at(function: FunctionDefinition, given: ast.AST) -> bool:
    within = Within(function)
    made_of = sources_of(within, given)
    return any(made_of & sources_of(within, one) for one in _looks(function))


def _looks(function: FunctionDefinition) -> Iterator[ast.AST]:
    """Return the expressions that are compared with a list or tested."""
    for node in ast.walk(function):
        match node:
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
                if not isinstance(left, ast.Constant):
                    yield node
                elif _SIGNS.search(str(left.value)):
                    yield right
            case ast.Call(func=ast.Attribute(value=base, attr="startswith"), args=args):
                if not all(isinstance(one, ast.Constant) for one in args) or any(
                    _SIGNS.search(str(one.value)) for one in args if isinstance(one, ast.Constant)
                ):
                    yield base
            case ast.Call() if last_name(node) in _TESTS:
                yield node
            case ast.Call(args=args) if last_name(node) in _PATTERNS:
                if not any(_ANYTHING.search(ast.unparse(one)) for one in args):
                    yield node
            case _:
                pass


def sources_of(within: Within, node: ast.AST) -> set[str]:
    """The names, attributes and fields that a value is made of, as far as the function shows."""
    found: set[str] = set()
    pending: list[ast.AST] = [node]
    depth = 0
    while pending and depth < _DEEP:
        depth += 1
        new = {name for one in pending for name in _atoms(one)} - found
        found |= new
        pending = [
            given.value
            for name in new
            for given in within.given.get(name, ())
            if given.value is not None and not _is_taken_apart(given.node)
        ]
    return found


def _atoms(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(slice=ast.Constant()) | ast.Attribute(value=ast.Name(id="self")):
            yield ast.unparse(node)
        case ast.Call(func=ast.Attribute(value=base, attr="get"), args=[ast.Constant() as key, *_]):
            yield f"{ast.unparse(base)}[{ast.unparse(key)}]"
        case ast.Call(func=function, args=args, keywords=keywords):
            if isinstance(function, ast.Attribute):
                yield from _atoms(function.value)
            for one in (*args, *(word.value for word in keywords)):
                yield from _atoms(one)
        case ast.Name(id=name):
            # A name in capitals is where the files are, and not which is asked for.
            if not name.isupper() and name not in {"self", "cls", "__file__", "os"}:
                yield name
        case _:
            for inner in ast.iter_child_nodes(node):
                yield from _atoms(inner)


def _is_taken_apart(node: ast.AST) -> bool:
    """`command, name = text.split()`: who looks at one has not looked at the other."""
    match node:
        case ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return True
        case _:
            return False
