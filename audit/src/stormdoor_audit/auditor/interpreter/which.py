"""Values by which a client names a thing: the number of a room, the name of a device."""

import re
from collections.abc import Iterable, Iterator

from stormdoor_audit.auditor.interpreter.pieces import flat
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Labels,
    Mapping,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = ["WHICH", "last_word", "only_says_which"]

WHICH: Labels = frozenset({"which"})
"""Of what was found because the client said which it means: that there is one proves nothing."""
_SAID = words("answer client cookie found header message named query setting somebody url which")
"""Labels of all values that may decide if there is an entry."""
_WRAPPED = re.compile(r"(?:int|str|float|UUID|ObjectId)\((.*)\)$")
_ITEM = re.compile(r"""(?:\[|^get\(|^get_argument\()['"](\w+)['"](?:\]|,.*\)|\))$""")


def last_word(value: Value) -> str:
    """The name of a value: TOKEN of `os.environ["TOKEN"]`, `key` of `message.get("key")`."""
    return _last_word_of(text_of(value))


def _last_word_of(text: str) -> str:
    text = text.rpartition(".")[2]
    item = _ITEM.search(text)
    return item.group(1) if item else text


def only_says_which(given: Iterable[Value], holder: Value | None = None) -> bool:
    """Return True if every client that knows of the thing knows the arguments of its look-up.

    Args:
        given: What it is given; a table has what each of its names must be.
        holder: What is looked into.
    """
    values = [*_parts_of(given)]
    if labels_of(*values, *([holder] if holder is not None else [])) - _SAID:
        return False
    said = [one for one in values if "client" in labels_of(one)]
    return (
        bool(said)
        and all(isinstance(one, Unknown) and _says_which(one) for one in said)
        and not any(_is_about_proof(one) for one in values)
    )


def _parts_of(given: Iterable[Value]) -> Iterator[Value]:
    for one in flat(given):
        if isinstance(one, Mapping):
            yield from map(Const, one.items)
            yield from flat(one.items.values())
        else:
            yield one


def _says_which(value: Unknown) -> bool:
    wrapped = _WRAPPED.match(value.text)
    return lexicon.says_which(_last_word_of(wrapped.group(1) if wrapped else value.text))


def _is_about_proof(value: Value) -> bool:
    """`"... where invitation = ?"`: it is looked for by more than what says which."""
    text = value.value if isinstance(value, Const) and isinstance(value.value, str) else ""
    return any(map(lexicon.proves, re.findall(r"\w+", text)))
