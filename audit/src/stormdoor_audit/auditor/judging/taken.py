"""Look-ups that only test if a name is taken: a client that sends a taken name is turned away."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.verbs import CHANGES, FINDS
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.reading.module import Module, blocks_of

__all__ = ["asks_if_taken"]

_Block = list[ast.stmt]
_LEAVES = (ast.Return, ast.Raise, ast.Continue)


def asks_if_taken(event: Event) -> bool:
    """Return True if a found entry only causes a refusal: `if users.find_one({"name": name}): return`."""
    return id(event.node) in _asked_in(event.module)


@lru_cache(maxsize=512)
def _asked_in(module: Module) -> frozenset[int]:
    return frozenset(
        id(part)
        for node in ast.walk(module.tree)
        for block in blocks_of(node)
        for asked, found, name, rest in _asked_with(block)
        if _turns_away(found, rest, _names_in(asked) | {name})
        for part in _chain(asked)
    )


def _asked_with(block: _Block) -> Iterator[tuple[ast.expr, _Block, str, _Block]]:
    """Look-ups of a block, with what is done where there is one, what that is called, and what follows."""
    for at, statement in enumerate(block):
        rest = block[at + 1 :]
        match statement:
            case ast.Try(body=[ast.Expr(value=asked)], orelse=[_, *_] as found):
                yield asked, found, "", rest
            case ast.Expr(value=asked) if rest:
                yield asked, rest, "", []
            case ast.Assign(targets=[ast.Name(id=name)], value=asked):
                for test, found in _found(rest[:1]):
                    if isinstance(test, ast.Name) and test.id == name:
                        yield asked, found, name, rest[1:]
            case ast.If():
                for test, found in _found([statement]):
                    yield test, found, "", rest
            case _:
                pass


def _found(block: _Block) -> Iterator[tuple[ast.expr, _Block]]:
    """Yield the value that a condition requires, with its block, if no other block follows."""
    for statement in block:
        match statement:
            case ast.If(
                test=ast.UnaryOp(op=ast.Not(), operand=asked)
                | ast.Compare(left=asked, ops=[ast.Is()], comparators=[ast.Constant(value=None)]),
                orelse=found,
            ):
                yield asked, found
            case ast.If(test=test, body=found, orelse=other) if other or isinstance(
                found[-1], _LEAVES
            ):
                match test:
                    case ast.Compare(
                        left=asked, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]
                    ):
                        yield asked, found
                    case _:
                        yield test, found
            case _:
                pass


def _chain(asked: ast.expr) -> Iterator[ast.Call]:
    """The calls of `db.query(User).filter_by(name=name).one()`, if all of them look something up."""
    if isinstance(asked, ast.Await):
        asked = asked.value
    calls: list[ast.Call] = []
    while isinstance(asked, ast.Call) and isinstance(asked.func, ast.Attribute):
        words = set(lexicon.words_of(asked.func.attr))
        if not words & (FINDS | {"one"}) or words & CHANGES:
            return
        calls.append(asked)
        asked = asked.func.value
    yield from calls


def _names_in(asked: ast.expr) -> frozenset[str]:
    """Return the names that the look-up uses."""
    return frozenset(
        inner.id
        for call in _chain(asked)
        for given in (*call.args, *(word.value for word in call.keywords))
        for inner in ast.walk(given)
        if isinstance(inner, ast.Name)
    )


def _turns_away(found: _Block, rest: _Block, names: frozenset[str]) -> bool:
    """Return True if the client is only told so, and the found entry and its key are not used."""
    followed = [] if not found or isinstance(found[-1], _LEAVES) else rest
    return (
        bool(found)
        and all(
            isinstance(one, (*_LEAVES, ast.Pass))
            or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Call | ast.Await))
            for one in found
        )
        and not any(
            (isinstance(inner, ast.Name) and inner.id in names)
            or (isinstance(inner, ast.Call) and _hands_on(inner))
            for one in (*found, *followed)
            for inner in ast.walk(one)
        )
    )


def _hands_on(call: ast.Call) -> bool:
    """Return True if it receives the connection, or logs it in: `room.enter(self)`, `self.log_in()`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return lexicon.is_login(name) or any(
        isinstance(one, ast.Name) and one.id == "self" for one in call.args
    )
