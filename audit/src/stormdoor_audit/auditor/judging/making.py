"""Conditions that exclude no client: they make a missing object, or notify an existing connection."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.pieces import inserts
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["keeps_nobody_out"]

_MAKES = words("add append create insert make new register save setdefault")
"""Prefixes of calls that make an object, or store it."""
_LEVELS = words("critical debug error exception info log warn warning")
_TURNS_AWAY = words(
    """
    abort answer ban block close deny disconnect emit error fail finish kick logout redirect refuse
    reject reply respond send set_status write
    """
)


def keeps_nobody_out(event: Event) -> bool:
    """Return True if a condition does not depend on the client's identity, for any value that it tests.

    `if key not in table: table[key] = {}`: a client that names a missing entry gets a new one. `if key in
    waiters: waiters[key].write_message(text)`: an existing connection is notified. `if published:
    print("done")`: the outcome is logged.
    """
    return id(event.node) in _found_in(event.module)


@lru_cache(maxsize=512)
def _found_in(module: Module) -> frozenset[int]:
    return frozenset(
        id(part)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If)
        and (
            all(map(_notes, [*node.body, *node.orelse]))
            or (
                all(isinstance(one, ast.Pass) for one in node.orelse)
                and (_only_makes(node) or _only_tells(node))
            )
        )
        for part in ast.walk(node.test)
    )


def _notes(statement: ast.stmt) -> bool:
    """Return True if a statement at most writes to the log."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=held, attr=level))):
            return level in _LEVELS and "log" in ast.unparse(held).lower()
        case _:
            return False


def _only_makes(node: ast.If) -> bool:
    inside = [inner for one in node.body for inner in ast.walk(one)]
    return (
        _asks_for_nothing(node.test)
        and any(_makes(one, node.test) for one in inside)
        and not any(map(_leaves, inside))
    )


def _only_tells(node: ast.If) -> bool:
    """Return True if the connections under a key of a table are notified, if there are any."""
    match node.test:
        case ast.Compare(left=key, ops=[ast.In()], comparators=[table]):
            if isinstance(table, ast.Call) and isinstance(table.func, ast.Attribute):
                table = table.func.value  # `table.keys()`
            found = ast.dump(ast.Subscript(table, key, ast.Load()))
            return all(_tells(one, found, frozenset()) for one in node.body)
        case _:
            return False


def _tells(statement: ast.stmt, found: str, names: frozenset[str]) -> bool:
    """Return True if a statement sends something to the found value, or to an item of it."""
    match statement:
        case ast.For(target=ast.Name(id=name), iter=many, body=body, orelse=[]):
            one_of_them = _is_part(many, found, names)
            return one_of_them and all(_tells(one, found, names | {name}) for one in body)
        case ast.Try(body=body, orelse=[], finalbody=[]):
            return all(_tells(one, found, names) for one in body)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=told, attr=name))):
            return name in _SAYS and _is_part(told, found, names)
        case _:
            return False


def _is_part(node: ast.expr, found: str, names: frozenset[str]) -> bool:
    return any(
        (isinstance(one, ast.Name) and one.id in names) or ast.dump(one) == found
        for one in ast.walk(node)
    )


_SAYS = frozenset({"emit", "send", "send_message", "write_message"})


def _asks_for_nothing(test: ast.expr) -> bool:
    """Return True if a condition holds if a value is missing."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name() | ast.Attribute() | ast.Call()):
            return True
        case ast.Compare(ops=[ast.NotIn()]):
            return True
        case ast.Compare(ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return True
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="len")),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=0)],
        ):
            return True
        case _:
            return False


def _makes(node: ast.AST, test: ast.expr) -> bool:
    """Return True if it stores a new value in the table that the condition names."""
    match node:
        case ast.Assign(targets=[ast.Subscript(value=table)]):
            return _is_of(table, test)
        case ast.Call(func=ast.Attribute(value=table, attr=name), args=args):
            if name == "execute" and args and isinstance(args[0], ast.Constant):
                return inserts(args[0].value)
            return bool(_MAKES & set(lexicon.words_of(name)[:1])) and _is_of(table, test)
        case _:
            return False


def _is_of(table: ast.expr, test: ast.expr) -> bool:
    """Return True if the table is the one in the condition, if the condition names one."""
    match test:
        case ast.Compare(ops=[ast.NotIn()], comparators=[asked]):
            return ast.dump(asked) == ast.dump(table)
        case _:
            return True


def _leaves(node: ast.AST) -> bool:
    """Return True if it turns the client away, notes a missing user, or asks for something else."""
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Assign(targets=[ast.Name() | ast.Attribute()], value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return bool(_TURNS_AWAY & {name, *lexicon.words_of(name)}) or (
                lexicon.is_verification_name(name)
            )
        case _:
            return False
