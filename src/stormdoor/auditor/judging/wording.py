"""The words of an event: what is called, what it is given, what an object is called."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Const, Sequence, Unknown, Value, labels_of, text_of
from stormdoor.auditor.judging.relevance import path_of
from stormdoor.auditor.naming import lexicon

__all__ = [
    "fields_of",
    "given",
    "is_told",
    "literals_of",
    "name_of",
    "statement_in",
    "stems_of",
    "words_before",
]

_QUOTES = re.compile(r"^([frbu]{1,2}(?=['\"]))?['\"]*\s*", re.IGNORECASE)

_MAX_STATEMENT = 2000
"""Characters of a statement that are looked at."""


def name_of(event: Event) -> str:
    """The name of what is called, or of what is given another value."""
    if event.kind in {"alter", "store"}:
        return event.text.rpartition(".")[2]
    return (lexicon.chain_of(event.text) or [""])[-1]


def words_before(event: Event, behind: str = "") -> set[str]:
    """The words of the names before that of what is called: where it comes from, how it is called there.

    Args:
        event: What is called.
        behind: How the name of a class ends that is only a way to something: of `DriverClient().shop.lines`
            it is `shop.lines` that counts.
    """
    names = lexicon.chain_of(event.text)[:-1]
    if behind:
        last = max((at for at, name in enumerate(names) if name.endswith(behind)), default=-1)
        names = names[last + 1 :]
    if isinstance(event.node, ast.Call) and isinstance(event.node.func, ast.Attribute):
        names += _chain_before(event.node.func)
    return {word for name in names for word in lexicon.words_of(name)}


@lru_cache(maxsize=4096)
def _chain_before(called: ast.Attribute) -> tuple[str, ...]:
    """What stands before the name of what is called; the ways of a connection come to one call many times."""
    return tuple(lexicon.chain_of(ast.unparse(called))[:-1])


def given(event: Event) -> Iterator[Value]:
    """The arguments of a call, and what stands in those that are lists."""
    for value in (*event.values, *(value for _, value in event.words)):
        yield value
        if isinstance(value, Sequence):
            yield from value.items


def fields_of(event: Event) -> Iterator[str]:
    """Names of the fields of the message that a call is given."""
    for value in given(event):
        if isinstance(value, Unknown) and "message" in value.labels:
            path = path_of(text_of(value))
            if path:
                yield str(path[-1])


def is_told(event: Event) -> bool:
    """Whether an argument is what a message says."""
    return any(
        isinstance(value, Unknown) and "message" in labels_of(value) for value in given(event)
    )


def statement_in(event: Event) -> str:
    """The SQL that is executed, in lower case: `delete from lines where id = ?`."""
    if "execute" not in lexicon.words_of(name_of(event)) or not event.values:
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


def stems_of(text: str) -> set[str]:
    """The words in a text, of many one."""
    return {
        one.removesuffix("s") if len(one) > 4 else one
        for name in re.findall(r"\w+", text)
        for one in lexicon.words_of(name)
    }
