"""The values of a name inside a function, and those that it can have at a place."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.naming.words import words

__all__ = ["FILLS", "Given", "Within", "leaves"]

FILLS = words("add append appendleft extend insert put setdefault update")
"""Methods by which something gets into a list, a table or a queue."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_GUARDS = frozenset({"fullmatch", "isdigit", "isalnum", "isidentifier", "isdecimal", "isnumeric"})
_ANYTHING = re.compile(r"(?<!\\)\.[*+]")
_NUMBERS = frozenset({"int", "float", "bool", "complex"})


@dataclass(frozen=True, slots=True)
class Given:
    """A value that a name gets.

    Args:
        node: Where.
        value: The value, or what it is a part of; None where that cannot be seen.
        whole: Nothing of what the name was before stays.
    """

    node: ast.AST
    value: ast.expr | None
    whole: bool = True


@dataclass(eq=False)
class Within:
    """The names of one function.

    Args:
        function: The function.
    """

    function: FunctionDefinition
    given: dict[str, list[Given]] = field(default_factory=dict)
    _above: dict[ast.AST, tuple[ast.AST, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pending: list[ast.AST] = [self.function]
        while pending:
            node = pending.pop()
            for name, value in ast.iter_fields(node):
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, ast.AST):
                        self._above[one] = (node, name)
                        if not isinstance(one, FunctionDefinition | ast.ClassDef):
                            pending.append(one)
            if node is not self.function:
                for name, found in _given(node):
                    self.given.setdefault(name, []).append(found)
        for known in self.given.values():
            known.sort(key=lambda one: _position(one.node))

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters that have a place, in order."""
        return [one.arg for one in (*self.function.args.posonlyargs, *self.function.args.args)]

    @property
    def all_parameters(self) -> set[str]:
        """The names of all its parameters."""
        found = [*self.function.args.kwonlyargs]
        found += [one for one in (self.function.args.vararg, self.function.args.kwarg) if one]
        return {*self.parameters, *(one.arg for one in found)}

    def reaching(self, name: str, at: ast.AST) -> tuple[list[Given], bool]:
        """Return the values of a name at a place, and whether it may still be the parameter."""
        if (inner := self._inner(name, at)) is not None:
            return [inner], False
        found: list[Given] = []
        blocks = set(self._blocks(at))
        loops = {one for one, _ in blocks if isinstance(one, _LOOPS)}
        for one in reversed(self.given.get(name, ())):
            if _position(one.node) >= _position(at) or any(
                inner is at for inner in ast.walk(one.node)
            ):
                if loops & {above for above, _ in self._blocks(one.node)}:
                    found.append(one)
                continue
            found.append(one)
            if one.whole and self._always(one.node, blocks, name):
                return found, False
        return found, True

    def binds(self, name: str, at: ast.AST) -> bool:
        """Return whether a name is local to this function at a place."""
        return (
            name in self.given or name in self.all_parameters or self._inner(name, at) is not None
        )

    def _inner(self, name: str, at: ast.AST) -> Given | None:
        """Return the value of a name that a comprehension or a lambda binds."""
        for above, _ in self._blocks(at):
            if isinstance(above, ast.Lambda) and any(
                one.arg == name for one in ast.walk(above.args) if isinstance(one, ast.arg)
            ):
                return Given(above, None)
            for one in getattr(above, "generators", ()):
                for each, given in _parts(one.target, one.iter, one.iter):
                    if each == name:
                        return given
        return None

    def is_guarded(self, name: str, at: ast.AST, *, forms: bool) -> bool:
        """Return whether every path to a place compares the name with a list or a form."""
        for above, where in self._blocks(at):
            match above:
                case ast.If(test=test) | ast.IfExp(test=test) if where in {"body", "orelse"}:
                    if not self._is_given_between(name, test, at) and _proves(
                        test, name, holds=where == "body", forms=forms
                    ):
                        return True
                case _:
                    pass
        return any(
            isinstance(one, ast.If)
            and leaves(one.body)
            and not self._is_given_between(name, one, at)
            and _proves(one.test, name, holds=False, forms=forms)
            for one in self.statements(at)
        )

    def _is_given_between(self, name: str, test: ast.AST, at: ast.AST) -> bool:
        """Return whether a name has changed since the test."""
        return any(
            one.whole
            and _position(test) < _position(one.node) < _position(at)
            and not any(inner is at for inner in ast.walk(one.node))
            for one in self.given.get(name, ())
        )

    def refuses(self, name: str, *, forms: bool) -> bool:
        """Return whether the function raises unless a name is in a list or has a form."""
        return any(
            isinstance(one, ast.If)
            and isinstance(one.body[-1], ast.Raise)
            and _proves(one.test, name, holds=False, forms=forms)
            for one in self._above
        )

    def answers(self, name: str, *, forms: bool) -> bool:
        """Return whether the function returns a test of a name against a list or a form."""
        returned = self.returned() or []
        unsure = [
            one
            for one in returned
            if not (isinstance(one, ast.Constant) and not one.value)
            and not _proves(one, name, holds=True, forms=forms)
        ]
        asked = all(
            isinstance(one, ast.Call)
            and any(isinstance(a, ast.Name) and a.id == name for a in one.args)
            for one in unsure
        )
        return asked and len(unsure) < len(returned)

    def statements(self, at: ast.AST) -> Iterator[ast.stmt]:
        """The statements that have run when a place is reached."""
        for one, where in self._blocks(at):
            block = getattr(one, where)
            for before in block if isinstance(block, list) else ():
                if isinstance(before, ast.stmt) and _position(before) < _position(at):
                    yield before

    def conditions(self, node: ast.AST) -> Iterator[ast.expr]:
        """The conditions under which a place is reached."""
        for above, where in self._blocks(node):
            if isinstance(above, ast.If | ast.IfExp) and where in {"body", "orelse"}:
                yield above.test

    def returned(self) -> list[ast.expr] | None:
        """Return the returned expression; None if it cannot be determined."""
        found: list[ast.expr] = []
        for one in self._above:
            if isinstance(one, ast.Yield | ast.YieldFrom) and not isinstance(
                self._above[one][0], ast.Assign | ast.Expr | ast.Return | ast.Call
            ):
                return None
            match one:
                case (
                    ast.Return(value=ast.expr() as value)
                    | ast.Raise(exc=ast.Call(func=ast.Attribute(attr="Return"), args=[value]))
                    | ast.Raise(exc=ast.Call(func=ast.Name(id="Return"), args=[value]))
                ):
                    found.append(value)
                case _:
                    pass
        return found

    def _blocks(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """The nodes around one, each with the part of it that it stands in."""
        while node in self._above:
            above, where = self._above[node]
            yield above, where
            node = above

    def _always(self, node: ast.AST, blocks: set[tuple[ast.AST, str]], name: str) -> bool:
        """Return whether each path to a place in these blocks runs a statement before it."""
        while node in self._above:
            if not isinstance(node, ast.stmt | ast.ExceptHandler):
                node = self._above[node][0]
                continue
            above, where = self._above[node]
            if (above, where) in blocks:
                return True
            ends = isinstance(above, ast.Try) and (
                where == "finalbody"
                or (
                    where in {"body", "orelse"}
                    and all(self._gives_or_leaves(one, name) for one in above.handlers)
                )
            )
            if not ends and not isinstance(above, ast.With | ast.AsyncWith):
                return False
            node = above
        return False

    def _gives_or_leaves(self, handler: ast.ExceptHandler, name: str) -> bool:
        return leaves(handler.body) or any(
            given.whole and self._above.get(given.node, (None,))[0] is handler
            for given in self.given.get(name, ())
        )


def leaves(body: list[ast.stmt]) -> bool:
    """Return whether control never leaves a block at its end."""
    return bool(body) and isinstance(body[-1], ast.Raise | ast.Return | ast.Continue | ast.Break)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _proves(test: ast.expr, name: str, *, holds: bool, forms: bool) -> bool:
    """Return whether a condition, or its opposite, limits a name to a list or to a form."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _proves(inner, name, holds=not holds, forms=forms)
        case ast.BoolOp(op=op, values=values):
            combined = any if isinstance(op, ast.And) == holds else all
            return combined(_proves(one, name, holds=holds, forms=forms) for one in values)
        case ast.Compare(left=ast.Name(id=held), ops=[op]) if held == name:
            return isinstance(op, ast.In if holds else ast.NotIn)
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
            return forms and isinstance(op, ast.IsNot if holds else ast.Is) and _asks(left, name)
        case _:
            return forms and holds and _asks(test, name)


def _asks(node: ast.expr, name: str) -> bool:
    """Return whether a call tests the form of a name: `name.isdigit()`, `PATTERN.fullmatch(name)`."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=held), kinds]):
            asked = {one.id for one in ast.walk(kinds) if isinstance(one, ast.Name)}
            return held == name and asked <= _NUMBERS
        case ast.Call(func=ast.Attribute(attr=how, value=base), args=args) if how in _GUARDS:
            return not _lets_everything_by(node) and any(
                isinstance(one, ast.Name) and one.id == name for one in (base, *args)
            )
        case _:
            return False


def _lets_everything_by(node: ast.expr) -> bool:
    """Return whether a literal pattern matches any character at some place."""
    return any(
        isinstance(one, ast.Constant)
        and isinstance(one.value, str | bytes)
        and _ANYTHING.search(str(one.value)) is not None
        for one in ast.walk(node)
    )


def _given(node: ast.AST) -> Iterator[tuple[str, Given]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _parts(target, value, node)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield from _parts(target, value, node)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            yield name, Given(node, value, whole=False)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=how), args=[_, *_] as into):
            if how in FILLS:
                yield name, Given(node, ast.Tuple(elts=into), whole=False)
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield from _parts(target, value, target, whole=False)
        case ast.withitem(optional_vars=ast.expr() as target, context_expr=value):
            yield from _parts(target, value, value, whole=False)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            imported = ast.Constant(value=None)
            for alias in aliases:
                name = alias.asname or alias.name.partition(".")[0]
                yield name, Given(node, imported)
        case _:
            yield from _unseen(node)


def _unseen(node: ast.AST) -> Iterator[tuple[str, Given]]:
    """Names that get something which does not stand there."""
    match node:
        case (
            ast.ExceptHandler(name=str() as name)
            | ast.MatchAs(name=str() as name)
            | ast.MatchStar(name=str() as name)
            | ast.MatchMapping(rest=str() as name)
        ):
            yield name, Given(node, None)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            for name in names:
                yield name, Given(node, None, whole=False)
        case _:
            pass


def _parts(
    target: ast.expr, value: ast.expr, node: ast.AST, *, whole: bool = True
) -> Iterator[tuple[str, Given]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, Given(node, value, whole)
        case ast.Subscript(value=ast.Name(id=name)), _:
            yield name, Given(node, value, whole=False)
        case (
            (ast.Tuple(elts=left) | ast.List(elts=left)),
            (ast.Tuple(elts=right) | ast.List(elts=right)),
        ) if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                yield from _parts(one, other, node, whole=whole)
        case ((ast.Tuple(elts=left) | ast.List(elts=left)), _):
            for one in left:
                yield from _parts(one, value, node, whole=whole)
        case ast.Starred(value=inner), _:
            yield from _parts(inner, value, node, whole=whole)
        case _:
            pass
