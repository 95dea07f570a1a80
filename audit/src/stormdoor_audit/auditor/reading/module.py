"""One Python file: its syntax tree, what its names are bound to, its classes."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.report.finding import Location

__all__ = [
    "MAX_BYTES",
    "Assigned",
    "Binding",
    "ClassDef",
    "Defined",
    "FunctionNode",
    "Imported",
    "Loop",
    "Module",
    "NotParsed",
    "blocks_of",
    "parse_module",
    "scope_of",
]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

Loop: TypeAlias = (
    ast.For | ast.AsyncFor | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
)

MAX_BYTES = 4 * 1024 * 1024
"""Larger files are generated; the parser would need some hundred times as much memory."""


class NotParsed(Exception):
    """The text is no Python this interpreter can parse; the message says why."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A class or a function statement."""

    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Assigned:
    """A value; `unpacked` where the name stands for a part of it."""

    value: ast.expr
    unpacked: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that comes from another module; `name` is None for the module itself.

    `whole` is what `import a.b` names, which binds `a`.
    """

    module: str
    level: int
    name: str | None
    whole: str = ""


Binding: TypeAlias = Defined | Assigned | Imported


@dataclass(frozen=True, slots=True)
class ClassDef:
    """A class statement, wherever it stands.

    Args:
        node: The statement.
        qualname: `Outer.Inner`, or `make.<locals>.Inner`.
        scopes: The functions and classes around it, outermost first.
    """

    node: ast.ClassDef
    qualname: str
    scopes: tuple[ast.AST, ...]


@dataclass(slots=True, eq=False)
class Module:
    """A file that parsed.

    Args:
        file: Where it is.
        path: How findings name it.
        name: Dotted name, by the packages around the file.
        is_package: Whether it is an `__init__.py`.
        tree: Its syntax tree.
        lines: Its text.
        inside: Whether it belongs to what is scanned; else it was only read to resolve a name.
    """

    file: Path
    path: str
    name: str
    is_package: bool
    tree: ast.Module
    lines: list[str]
    inside: bool
    names: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[Imported] = field(default_factory=list)
    classes: list[ClassDef] = field(default_factory=list)
    is_test: bool = field(init=False)
    """True if it tests or demonstrates the project: its actions are not shipped."""
    _nodes: list[tuple[ast.AST, tuple[ast.AST, ...]]] | None = None
    _around: dict[ast.AST, tuple[ast.AST, ...]] | None = None
    _loops: list[Loop] | None = None
    _sources: dict[ast.AST, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_test = _ASIDE.search(f"/{self.path}") is not None

    def location(self, node: ast.AST) -> Location:
        """The place of a node in this file; of a class or function its first line only."""
        line = getattr(node, "lineno", 1)
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        column = _characters(text, getattr(node, "col_offset", 0)) + 1
        end_line = getattr(node, "end_lineno", None) or line
        end_offset = getattr(node, "end_col_offset", None) or 0
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return Location(self.path, line, column, line, len(text.rstrip()) + 1, text)
        last = self.lines[end_line - 1] if 0 < end_line <= len(self.lines) else ""
        return Location(self.path, line, column, end_line, _characters(last, end_offset) + 1, text)

    def nodes(self) -> list[tuple[ast.AST, tuple[ast.AST, ...]]]:
        """Calls, tuples, lists, classes and assignments, with the functions and classes around."""
        if self._nodes is None:
            self._nodes = _collected(self.tree)
        return self._nodes

    def around(self, node: ast.AST) -> tuple[ast.AST, ...]:
        """The functions and classes around a call, tuple, list, class or assignment, outermost first."""
        if self._around is None:
            self._around = dict(self.nodes())
        return self._around.get(node, ())

    def loops(self) -> list[Loop]:
        """Every loop and comprehension, in the order of `ast.walk`."""
        if self._loops is None:
            self._loops = [node for node in ast.walk(self.tree) if isinstance(node, Loop)]
        return self._loops

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function statement, wherever it stands: in no expression, so that none is looked into."""
        pending: list[ast.AST] = [self.tree]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node
            for name in _BLOCKS:
                pending += getattr(node, name, ())

    def calls_of(self, name: str) -> list[ast.Call]:
        """Calls of a plain name."""
        return [
            node
            for node, _ in self.nodes()
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == name
        ]

    def source(self, node: ast.AST) -> str:
        """The node as text, on one line and not too long."""
        text = self._sources.get(node)
        if text is None:
            text = self._sources[node] = _unparsed(node)
        return text


_ASIDE = re.compile(
    r"/(tests?|testing|unittests?|\w*examples?|samples?|demos?|docs?)/|/(test_[^/]*|[^/]*_test|conftest)\.py$"
)
_KEPT = frozenset({ast.Call, ast.Tuple, ast.List, ast.ClassDef, ast.Assign})
_SCOPES = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
"""Fields of a statement that hold statements."""
_LEAVES = frozenset({ast.Name, ast.Constant, ast.Load, ast.Store, ast.alias, ast.arg, ast.Pass})
_PLAIN = words(
    """
    arg asname attr conversion ctx id is_async kind level module name op ops rest simple
    type_comment
    """
)
_PARTS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and kind not in _LEAVES
}
"""Fields of a node that can hold relevant nodes, for each relevant kind of node."""
_DATA = 400
"""A display with more items is data, not a routing table; only its first items are looked at."""


def _collected(tree: ast.AST) -> list[tuple[ast.AST, tuple[ast.AST, ...]]]:
    found: list[tuple[ast.AST, tuple[ast.AST, ...]]] = []
    pending: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    while pending:
        node, around = pending.pop()
        kind = type(node)
        if kind in _KEPT:
            found.append((node, around))
        inner = (*around, node) if kind in _SCOPES else around
        for name in _PARTS[kind]:
            value = getattr(node, name, None)
            if type(value) is list:
                pending += [
                    (one, inner)
                    for one in (value if name == "body" else value[:_DATA])
                    if type(one) in _PARTS
                ]
            elif value is not None and type(value) in _PARTS:
                pending.append((value, inner))
    found.reverse()
    return found


def _unparsed(node: ast.AST) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError, AttributeError, TypeError):
        return type(node).__name__
    return text if len(text) <= 100 else text[:97] + "..."


def _characters(text: str, offset: int) -> int:
    """The parser counts UTF-8 bytes; people count characters."""
    if text.isascii():
        return offset
    return len(text.encode()[:offset].decode(errors="ignore"))


def parse_module(
    file: Path, content: bytes, *, path: str, name: str, is_package: bool, inside: bool
) -> Module:
    """Parse a file and index it.

    Raises:
        NotParsed: It is too large, or not Python of this interpreter's version.
    """
    if len(content) > MAX_BYTES:
        raise NotParsed(f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        tree, text = _parsed(content), _decoded(content)
        module = Module(
            file=file,
            path=path,
            name=name,
            is_package=is_package,
            tree=tree,
            lines=text.splitlines() if "\f" not in text else text.split("\n"),
            inside=inside,
        )
        _index(module, tree.body)
        module.classes.extend(_classes(tree.body, "", ()))
    except SyntaxError as error:
        where = f" at line {error.lineno}" if error.lineno else ""
        ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise NotParsed(
            f"syntax error{where}: {error.msg} (read as Python {ours}: a file for a newer Python needs a "
            "scan on that Python; one for Python 2 cannot be scanned)"
        ) from None
    except (ValueError, LookupError) as error:
        raise NotParsed(str(error)) from None
    except (RecursionError, MemoryError):
        raise NotParsed("nested too deeply for the parser") from None
    return module


def _parsed(content: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(content)
    _compact(tree)
    return tree


def _compact(tree: ast.Module) -> None:
    """Free a sixth of the memory of a syntax tree, which is most of what a scan of a large tree needs.

    All nodes of a line share its number. Names and constants, which are most of the nodes, have five
    entries: a dictionary of six takes half as much again. What they lack is None by its class.
    """
    number = _NUMBERS.setdefault
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        held, kind = node.__dict__, type(node)
        if kind is ast.Name:
            node.__dict__ = {
                "id": held["id"],
                "ctx": held["ctx"],
                "lineno": number(held["lineno"], held["lineno"]),
                "col_offset": held["col_offset"],
                "end_col_offset": held["end_col_offset"],
            }
            continue
        if kind is ast.Constant:
            node.__dict__ = {
                "value": held["value"],
                "lineno": number(held["lineno"], held["lineno"]),
                "col_offset": held["col_offset"],
                "end_lineno": number(held["end_lineno"], held["end_lineno"]),
                "end_col_offset": held["end_col_offset"],
            }
            continue
        for value in held.values():
            if type(value) is list:
                pending += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and type(value) is not ast.Load:
                pending.append(value)
        if "lineno" in held:
            held["lineno"] = number(held["lineno"], held["lineno"])
            held["end_lineno"] = number(held["end_lineno"], held["end_lineno"])


_NUMBERS: dict[int, int] = {}
"""One object for each number of a line."""


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def scope_of(body: list[ast.stmt]) -> tuple[dict[str, list[Binding]], list[Imported]]:
    """Return the bindings of one scope's statements, in order, all alternatives of each name."""
    names: dict[str, list[Binding]] = {}
    stars: list[Imported] = []
    for statement in _statements(body):
        for name, binding in _bound(statement):
            if name == "*" and isinstance(binding, Imported):
                stars.append(binding)
            else:
                names.setdefault(name, []).append(binding)
    return names, stars


def _index(module: Module, body: list[ast.stmt]) -> None:
    module.names, module.stars = scope_of(body)


def blocks_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements that a node holds itself; those of handlers and cases are theirs."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope, those in `if`, `try`, `with` and loops included."""
    for statement in body:
        yield statement
        match statement:
            case ast.If() | ast.For() | ast.While() | ast.AsyncFor():
                yield from _statements(statement.body)
                yield from _statements(statement.orelse)
            case ast.Try() | ast.TryStar():
                yield from _statements(statement.body)
                for handler in statement.handlers:
                    yield from _statements(handler.body)
                yield from _statements(statement.orelse)
                yield from _statements(statement.finalbody)
            case ast.With() | ast.AsyncWith():
                yield from _statements(statement.body)
            case ast.Match():
                for one in statement.cases:
                    yield from _statements(one.body)
            case _:
                pass


def _bound(statement: ast.stmt) -> Iterator[tuple[str, Binding]]:
    match statement:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield statement.name, Defined(statement)
        case ast.Import():
            for alias in statement.names:
                if alias.asname:
                    yield alias.asname, Imported(alias.name, 0, None)
                else:
                    top = alias.name.partition(".")[0]
                    yield top, Imported(top, 0, None, alias.name)
        case ast.ImportFrom():
            for alias in statement.names:
                source = Imported(statement.module or "", statement.level, alias.name)
                yield alias.asname or alias.name, source
        case ast.Assign():
            for target in statement.targets:
                yield from _targets(target, statement.value)
        case ast.AnnAssign() if statement.value is not None:
            yield from _targets(statement.target, statement.value)
        case _:
            pass


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Binding]]:
    match target, value:
        case ast.Name(), _:
            yield target.id, Assigned(value)
        case ast.Tuple() | ast.List(), ast.Tuple() | ast.List() if len(target.elts) == len(
            value.elts
        ):
            for left, right in zip(target.elts, value.elts, strict=True):
                yield from _targets(left, right)
        case ast.Tuple() | ast.List(), ast.Call(
            func=ast.Name(id="range" | "xrange"), args=[ast.Constant(value=int())]
        ):
            # Return the bindings in the statements of a class or function.
            for at, left in enumerate(target.elts):
                yield from _targets(left, ast.copy_location(ast.Constant(at), value))
        case ast.Tuple() | ast.List(), _:
            for left in target.elts:
                if isinstance(left, ast.Name):
                    yield left.id, Assigned(value, unpacked=True)
        case _:
            pass


def _classes(body: list[ast.stmt], prefix: str, scopes: tuple[ast.AST, ...]) -> Iterator[ClassDef]:
    for statement in _statements(body):
        match statement:
            case ast.ClassDef():
                name = prefix + statement.name
                yield ClassDef(statement, name, scopes)
                yield from _classes(statement.body, name + ".", (*scopes, statement))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner = f"{prefix}{statement.name}.<locals>."
                yield from _classes(statement.body, inner, (*scopes, statement))
            case _:
                pass
