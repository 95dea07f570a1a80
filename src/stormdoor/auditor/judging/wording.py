"""The words of an event: what is called, what it is given, what an object is called."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Const, Unknown, Value, text_of
from stormdoor.auditor.naming import lexicon

__all__ = ["literals_of", "statement_in"]

_QUOTES = re.compile(r"^([frbu]{1,2}(?=['\"]))?['\"]*\s*", re.IGNORECASE)

_MAX_STATEMENT = 2000
"""Characters of a statement that are looked at."""


def _name_of(event: Event) -> str:
    """The name of what is called, or of what is given another value."""
    if event.kind in {"alter", "store"}:
        return event.text.rpartition(".")[2]
    return (lexicon.chain_of(event.text) or [""])[-1]


def statement_in(event: Event) -> str:
    """The SQL that is executed, in lower case: `delete from lines where id = ?`."""
    if "execute" not in lexicon.words_of(_name_of(event)) or not event.values:
        return ""
    first = event.values[0]
    text = str(first.value) if isinstance(first, Const) else text_of(first)
    return _QUOTES.sub("", text[:_MAX_STATEMENT]).lower()


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
