"""Whether a question about permission is about this client, and about what is done."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Const, Unknown, Value, labels_of, text_of
from stormdoor.auditor.naming import lexicon

__all__ = [
    "ADDRESS",
    "attribute_asked",
    "is_about",
    "is_part",
    "names_an_action",
    "names_object",
    "path_of",
]

_Path = tuple[str | int, ...]

_SOMEBODY = re.compile(
    r"^(user|username|user_?id|uid|from|from_?user|sender|author|nick|nickname|login|owner|me|who)$",
    re.IGNORECASE,
)
_ID = re.compile(r"(^|_)(id|uuid|pk|key|number)$|[a-z]Id$")
_DERIVED = frozenset({"answer", "found"})
ADDRESS = frozenset({"url", "query"})
"""Labels of what stands in the address of the handshake."""
_NOT_THE_CLIENTS = frozenset({"principal", "self", "credential", "answer", "found"})


def is_about(question: Event, doing: Event) -> bool:
    """Whether the answer to a question can say if this client may do this.

    Who is asked about must be the client and not whoever a message names; and what is asked about must be
    what is done, where both are said by name.
    """
    if _asks_about_another(question):
        return False
    if attribute_asked(question):
        return _is_said_in(question.values[0], question.node, doing)
    claimed = _claimed(question)
    if claimed is not None:
        given = list(_paths(doing, named=False))
        return not given or any(is_part(claimed, one) for one in given)
    if doing.labels & ADDRESS or not question.labels >= {"principal", "client"}:
        return True
    asked = list(_paths(question, named=False))
    done = list(_paths(doing, named=True))
    if not asked or not done or any(names_an_action(one) for one in asked):
        return True
    return any(is_part(one, two) for one in asked for two in done)


def attribute_asked(question: Event) -> str:
    """`data["room"] not in self.joined`: the list of its own in which a connection looks; else empty."""
    match question.values:
        case (Unknown(labels=labels), Const(value=str() as name)) if (
            question.kind == "check"
            and "client" in labels
            and isinstance(question.node, ast.Compare)
        ):
            return name if isinstance(question.node.ops[0], ast.In | ast.NotIn) else ""
        case _:
            return ""


def _is_said_in(said: Value, node: ast.AST, doing: Event) -> bool:
    """Whether what was looked for says what is done, or to what: `rooms[data["room"]].say(text)`."""
    names = {text_of(said), ast.unparse(node.left)} if isinstance(node, ast.Compare) else set()
    held = (*doing.values, *(value for _, value in doing.words), doing.receiver)
    texts = [text_of(one) for one in held if one is not None]
    return any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        for name in names
        for text in (*texts, ast.unparse(doing.node))
    )


def _asks_about_another(question: Event) -> bool:
    """`acl.allows(message["user"], "delete")`: whoever sends the message names an administrator."""
    if question.kind != "call" or question.labels & _NOT_THE_CLIENTS:
        return False
    last = [path[-1] for path in _paths(question, named=False) if path]
    return any(isinstance(name, str) and _SOMEBODY.match(name) for name in last)


def _claimed(question: Event) -> _Path | None:
    """The field of a message that is compared with the user: it is only what the client says."""
    node = question.node
    if len(question.values) != 2 or not (
        isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq)
    ):
        return None
    for one, other in (question.values, question.values[::-1]):
        labels = labels_of(one)
        if (
            isinstance(one, Unknown)
            and "message" in labels
            and not labels & _NOT_THE_CLIENTS
            and "principal" in labels_of(other)
            and not labels_of(other) & {"client", "answer"}
        ):
            return path_of(text_of(one)) or None
    return None


def _paths(event: Event, *, named: bool) -> Iterator[_Path]:
    """The fields that the client fills and an event is given; only those that name an object, if `named`."""
    words = set(lexicon.words_of(event.text.rpartition(".")[2]))
    for value in (*event.values, *(value for _, value in event.words)):
        labels = labels_of(value)
        if "client" not in labels or labels & _DERIVED or not isinstance(value, Unknown):
            continue
        path = path_of(text_of(value))
        if path and (not named or names_object(path, words)):
            yield path


def names_object(path: _Path, words: set[str]) -> bool:
    """Whether a field says which object it is, and not how: its id, or it has the name of the deed."""
    name = next((one for one in reversed(path) if isinstance(one, str)), "")
    parts = lexicon.words_of(name)
    return bool(_ID.search(name)) or any(part.rstrip("s") in words for part in parts)


def names_an_action(path: _Path) -> bool:
    """Whether the question is if the client may do such a thing at all."""
    return bool(
        {"action", "cmd", "command", "event", "kind", "method", "op", "operation"}
        & set(map(str, path))
        or {"permission", "role", "scope", "type", "verb"} & set(map(str, path))
    )


def is_part(one: _Path, other: _Path) -> bool:
    """Whether one is the other or a part of it; the first of many is not all of them."""
    short, long = sorted((one, other), key=len)
    rest = long[len(short) :]
    return long[: len(short)] == short and not (rest and isinstance(rest[0], int))


@lru_cache(maxsize=4096)
def path_of(text: str) -> _Path:
    """`data["room"].get("id")` as `room`, `id`; a name or an argument as itself; () for all else."""
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    path: list[str | int] = []
    while True:
        match node:
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() | int() as key)):
                path.append(key)
            case ast.Call(
                func=ast.Attribute(value=inner, attr="get" | "pop"),
                args=[ast.Constant(value=str() as key), *_],
            ):
                path.append(key)
            case ast.Attribute(value=inner, attr=key):
                path.append(key)
            case ast.Call(func=ast.Name(id="float" | "int" | "str"), args=[inner]):
                pass
            case ast.Call(
                func=ast.Name(id="get_argument" | "get_query_argument"),
                args=[ast.Constant(value=str() as key), *_],
            ):
                return (key, *reversed(path))
            case ast.Name(id=name):
                return tuple(reversed(path)) or (name,)
            case ast.Call(func=ast.Attribute(attr="loads" | "json_decode")):
                return tuple(reversed(path))
            case _:
                return ()
        node = inner
