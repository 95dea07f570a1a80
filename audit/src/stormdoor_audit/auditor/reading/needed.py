"""Values that a program does not start without: `if not options.token: sys.exit("set a token")`."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

__all__ = ["absent_in", "ends_program", "needed_by", "needed_in"]

_EXITS = frozenset({"_exit", "abort", "bail", "die", "error", "exit", "fail", "quit"})
"""`sys.exit`, `parser.error`, `ctx.fail`: what does not come back."""
_STARTS = ("check", "configure", "create", "init", "load", "main", "make", "run", "setup", "start")
"""Prefixes of functions that run before any client connects: an exception ends the program."""


def ends_program(body: list[ast.stmt], *, raising: bool = True) -> bool:
    """Return True if statements leave for good, by an exception where that ends the program, too."""
    match body[-1] if body else None:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
            return raising or name == "SystemExit"
        case ast.Raise():
            return raising
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args)):
            return name in _EXITS and not (name == "error" and len(args) > 1)
        case _:
            return False


def absent_in(test: ast.expr) -> Iterator[ast.expr]:
    """Yield each value that a condition may find missing: `not a or b is None`."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            for one in values:
                yield from absent_in(one)
        case ast.UnaryOp(op=ast.Not(), operand=inner) if not isinstance(inner, ast.BoolOp):
            yield inner
        case ast.Compare(
            left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=value)]
        ) if value in (None, "", False):
            yield left
        case _:
            pass


@lru_cache(maxsize=4096)
def needed_by(scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The names without which what a file or a function makes is not made."""
    return frozenset(_needed(scope.body, raising=True))


def needed_in(functions: Iterable[ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[str]:
    """The settings, as they are written, without which functions end the program."""
    for node in functions:
        starts = node.name.strip("_").startswith(_STARTS)
        yield from _needed(node.body, raising=starts)


def _needed(body: list[ast.stmt], *, raising: bool) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.If(test=test, body=inner) if ends_program(inner, raising=raising):
                yield from map(ast.unparse, absent_in(test))
            case ast.Try(body=inner):
                yield from _needed(inner, raising=False)
            case _:
                pass
