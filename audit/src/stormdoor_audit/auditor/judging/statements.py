"""Statements of SQL: what they do to which table, and what finds the rows."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Labels,
    Mapping,
    Sequence,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["Statement", "literals_of", "statement_in"]

_SQL = re.compile(
    r"^\W*(?:(?P<change>update|delete\s+from|replace\s+into)|(?P<add>insert\s+(?:or\s+\w+\s+)?into)"
    r"|(?P<read>select|with|pragma|begin|commit|rollback))\b\s*(?:[\s\S]*?\bfrom\s+)?[\"'`\[]?(?P<table>\w*)",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"\?|%s|\$(\d+)|(?<!:)[:@]([a-z_]\w*)|%\((\w+)\)s", re.IGNORECASE)
_FREE = re.compile(r"\bwhere\b.*\bis\s+null\b", re.IGNORECASE | re.DOTALL)
"""The condition of a row that belongs to no user yet."""
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)


class Statement:
    """A statement, and its parameters.

    Args:
        found: The beginning of the statement.
        given: The arguments of the call: the text comes first.

    Attributes:
        kind: `change`, `add` or `read`; `make` of a change that takes a row without an owner.
        table: The table, in lower case.
        finding: Labels of what the rows are found by.
        given: Labels of all parameters that the text names.
    """

    def __init__(self, found: re.Match[str], given: tuple[Value, ...]) -> None:
        self.kind = next(one for one in ("change", "add", "read") if found[one])
        self.table = found["table"].lower()
        where = _WHERE.search(found.string)
        finding: list[Value] = []
        others: list[Value] = []
        known, used = _parameters(given[1:]), set[object]()
        asked = list(_PARAMETER.finditer(found.string))
        numbered = [at for at, one in enumerate(asked) if not any(one.groups())]
        for at, one in enumerate(asked):
            number, name, word = one.groups()
            key = int(number) - 1 if number else name or word or numbered.index(at)
            finds = where is not None and one.start() > where.start()
            used.add(key)
            (finding if finds else others).append(known.get(key, Const(None)))
        named = any(isinstance(key, str) for key in known)
        unread = [one for key, one in known.items() if not (named or key in used)]
        rest = labels_of(given[0], *unread)  # part of the text was not read
        self.finding: Labels = labels_of(*finding) | rest
        self.given: Labels = labels_of(*finding, *others) | rest
        if self.kind != "change":
            self.finding = self.given
        elif "principal" in labels_of(*others) and _FREE.search(found.string):
            self.kind = "make"


def _parameters(given: tuple[Value, ...]) -> dict[object, Value]:
    match given:
        case [Sequence(items=items)]:
            return dict(enumerate(items))
        case [Mapping(items=named)]:
            return dict(named)
        case _:
            return dict(enumerate(given))


def statement_in(given: tuple[Value, ...]) -> Statement | None:
    """Return the statement that a call is given first; None where there is none."""
    for value in given[:1]:
        whole = value.value if isinstance(value, Const) else " ".join(literals_of(value))
        if isinstance(whole, str) and (found := _SQL.match(whole)):
            return Statement(found, given)
    return None


def literals_of(value: Value) -> list[str]:
    """The texts that stand in the source: what is fixed of `"home/%s" % lamp` and `f"home/{lamp}"`."""
    if isinstance(value, Const):
        return [value.value] if isinstance(value.value, str) else []
    return list(_literals_in(text_of(value))) if isinstance(value, Unknown) else []


@lru_cache(maxsize=1024)
def _literals_in(text: str) -> tuple[str, ...]:
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(_fixed_in(node))


def _fixed_in(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from _fixed_in(part)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _fixed_in(left)
            yield from _fixed_in(right)
        case ast.BinOp(left=left, op=ast.Mod()):
            yield from _fixed_in(left)
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            yield from _fixed_in(inner)
        case _:
            pass
