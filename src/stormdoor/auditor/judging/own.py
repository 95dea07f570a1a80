"""What a client chooses and is no object of somebody else, and what is told to all of a place."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import (
    Const,
    Instance,
    Mapping,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor.auditor.judging.given import chosen_in
from stormdoor.auditor.judging.ownership import is_statement
from stormdoor.auditor.judging.verbs import CHANGES, SHARED, SPEAKS
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.reading.module import Module

__all__ = [
    "is_an_amount",
    "is_asked_of_a_list",
    "is_in_own_place",
    "is_one_of_many",
    "is_own_row",
    "selects_for_all",
    "shows_a_password",
    "tells_all_of",
]


def shows_a_password(event: Event) -> bool:
    """`ssh.connect(host, username=data["user"], password=data["password"])`: the client's own.

    What the program keeps for what the client names, such as the password of a server, is none.
    """
    return any(
        labels >= {"client", "credential"} and not labels & {"answer", "found"}
        for labels in map(labels_of, (*event.values, *(value for _, value in event.words)))
    )


def tells_all_of(event: Event) -> bool:
    """`for one in rooms[message["room"]]: one.write_message(text)`: who is there is a place that it names.

    Speaking to one user by name is what a chat is for; what is said to a room is for who may be in it.
    """
    held = event.receiver
    return (
        held is not None
        and event.stage == Stage.MESSAGE
        and event.text.endswith((".write_message", ".send"))
        and labels_of(held) >= {"client", "message", "found"}
        and id(event.node) in _told_in_loops(event.module)
    )


def is_one_of_many(event: Event) -> bool:
    """Whether something is done to what a loop goes through: `for one in all: one.seen = True`."""
    return id(event.node) in _stored_in_loops(event.module)


@lru_cache(maxsize=512)
def _told_in_loops(module: Module) -> frozenset[int]:
    """Calls of methods of what a loop goes through."""
    return frozenset(
        id(inner)
        for names, inner in _in_loops(module)
        if isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and names & _names_of(inner.func.value)
    )


@lru_cache(maxsize=512)
def _stored_in_loops(module: Module) -> frozenset[int]:
    """Parts of what a loop goes through."""
    return frozenset(
        id(inner)
        for names, inner in _in_loops(module)
        if isinstance(inner, ast.Attribute | ast.Subscript) and names & _names_of(inner.value)
    )


def _in_loops(module: Module) -> Iterator[tuple[set[str], ast.AST]]:
    """All that stands in a loop, each with the names of what the loop goes through."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.For | ast.AsyncFor):
            names = _names_of(node.target)
            for statement in node.body:
                yield from ((names, inner) for inner in ast.walk(statement))


def _names_of(target: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}


def is_own_row(event: Event) -> bool:
    """`likes.insert({"post": message["post"], "user": self.current_user})`: it begins as the user's.

    A room, a channel or a group is a place, and who writes there is asked.
    """
    if not _BEGINS & set(lexicon.words_of(event.text.rpartition(".")[2])[:1]):
        return False
    if event.receiver is not None and "client" in labels_of(event.receiver):
        return False  # where it is put is what the client names
    return any(
        any("principal" in one.labels and "client" not in one.labels for one in row.values())
        and not any(SHARED & set(lexicon.words_of(str(field))) for field in row)
        for row in map(_row, event.values)
    )


_BEGINS = frozenset({"add", "create", "insert"})


def _row(value: Value) -> dict[object, Value]:
    """What stands in a row: a table, or an object that is made for it."""
    match value:
        case Mapping(items=entries):
            return entries
        case Instance(attrs=attrs, handler=False):
            return dict(attrs.items())
        case _:
            return {}


def is_asked_of_a_list(event: Event) -> bool:
    """`oracle.ask(message["question"])`, where it is one of a list: what is answered is for all."""
    return "listed" in event.labels and not is_statement(event.module, event.node)


def _is_own_key(value: Value) -> bool:
    """`"%s:rooms:%s" % (tenant, message["room"])`: a name under the user's own."""
    if not isinstance(value, Unknown) or not value.labels >= {"principal", "client"}:
        return False
    try:
        node = ast.parse(value.text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    match node:
        case ast.JoinedStr() | ast.BinOp(left=ast.Constant(value=str())):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format" | "join")):
            return True
        case _:
            return False


def is_in_own_place(event: Event) -> bool:
    """`open(os.path.join(HOMES, self.current_user, name))`: it is under the user's own name."""
    path = event.values[0] if event.values else None
    if path is not None and _is_own_key(path):
        return True
    if (
        path is not None
        and len(event.values) == 2
        and SPEAKS & set(lexicon.words_of(event.text.rpartition(".")[2])[:1])
    ):
        return "principal" in path.labels and "client" not in path.labels
    return (
        (event.text == "open" or event.text.startswith(("os.", "shutil.", "pathlib.Path.")))
        and path is not None
        and "principal" in labels_of(path)
    )


def is_an_amount(event: Event) -> bool:
    """`log.after(message["since"])`, `terminal.resize(rows, cols)`: how much, of whatever it is."""
    said = [text_of(one) for one in chosen_in(event)]
    if CHANGES & set(lexicon.words_of(event.text.rpartition(".")[2])):
        return False
    return bool(said) and all(
        bool(names) and bool(_AMOUNTS & set(lexicon.words_of(names[-1])))
        for names in (re.findall(r"""['"](\w+)['"]""", text) for text in said)
    )


_AMOUNTS = words(
    """
    after before cols columns count cursor height interval limit offset page pages rows since size
    skip timeout width
    """
)


def selects_for_all(event: Event) -> bool:
    """`query("select title from news limit 20 offset %s", …)`: no condition picks what is somebody's."""
    query = event.values[0] if event.values else None
    return (
        isinstance(query, Const)
        and isinstance(query.value, str)
        and re.match(r"\s*select\b(?!.*\bwhere\b)", query.value, re.IGNORECASE | re.DOTALL)
        is not None
    )
