"""Identities that a client claims, and its actions and messages under them."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.events import SERVING, Event, Stage
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Instance,
    Mapping,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.judging.given import values_in
from stormdoor_audit.auditor.judging.relevance import path_of
from stormdoor_audit.auditor.judging.statements import statement_in
from stormdoor_audit.auditor.judging.taken import asks_if_taken
from stormdoor_audit.auditor.judging.verbs import FINDS, SPEAKS
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.budget import remembered
from stormdoor_audit.auditor.reading.module import Loop, Module
from stormdoor_audit.auditor.reading.project import Project

__all__ = ["claimed_identity", "names_carried", "names_of_anybody"]

_FIELD = re.compile(
    r"(?:\[|\.(?:get|pop)\()['\"](user|username|user_?id|uid|from|from_?user|sender|author|nick|nickname|login)['\"][\])]?\)?$",
    re.IGNORECASE,
)
_SAYS = SPEAKS | {"add", "append", "create", "hmset", "hset", "insert", "lpush", "publish", "rpush"}
_SAYS |= {"save", "set", "setex", "store", "xadd"}
_SAYS |= {"accept", "approve", "bid", "book", "buy", "charge", "deposit", "follow", "like", "move"}
_SAYS |= {"order", "pay", "play", "transfer", "vote", "withdraw"}
"""Words for calls that publish or store a user's message."""
_READS = FINDS | {"all", "execute", "hget", "hgetall", "history", "list", "lrange", "mget", "read"}
_READS |= {"open", "scan", "search", "smembers", "where", "zrange", "zrevrange"}
_FROM_TO = words("copy drag jump move play range route swap travel walk")
"""Words of what goes from one place to another."""
_COUNTS = frozenset({"count", "exist", "exists"})
_COUNTED = re.compile(r" (?:[<>=!]=|[<>]|in|is|not) |(?:^|\.)(?:bool|count\w*|exists|len)\(")
"""Tests of the existence or the number of entries."""
_FOUND = frozenset({"answer", "found", "named"})
_PROVEN = frozenset({"credential", "identity", "principal", "proven"})
_NOBODY = frozenset({"ignored", "missing", "optional", "swallowed"})
"""Verdicts that admit every client as shipped, and keep it connected."""


def claimed_identity(event: Event) -> str:
    """The field of a message that is passed on as a user's identity, or empty."""
    if event.kind not in {"act", "join", "send", "store"}:
        return ""
    registered = _registered_as(event) if event.stage in {Stage.OPEN, Stage.MESSAGE} else ""
    if registered or event.stage != Stage.MESSAGE:
        return registered
    last = event.text.rpartition(".")[2]
    if lexicon.is_verification_name(last) or event.labels & {"credential", "identity", "principal"}:
        return ""
    if event.kind == "send" and _is_to_itself(event):
        return ""  # what it said comes back to it
    if lexicon.is_predicate(last) or _COUNTS & set(lexicon.words_of(last)) or asks_if_taken(event):
        return ""  # it only asks whether there is such a one
    said = _is_said(event, set(lexicon.words_of(last)))
    for value in values_in(event):
        if said and statement_in(event.values) and _is_spliced_in(value):
            return _name_in(event)
        if (
            isinstance(value, Unknown)
            and "message" in value.labels
            and "credential" not in value.labels
            and (_FIELD.search(value.text) or (said and lexicon.says_who(_last_of(value.text))))
            and not _says_where_from(value, set(lexicon.words_of(last)))
        ):
            return value.text
    return _speaker_in(event)


def _speaker_in(event: Event) -> str:
    """`{"name": data["name"], "text": data["text"]}`: who says it, beside what is said."""
    for value in event.values:
        if isinstance(value, Mapping) and _SAID & value.items.keys():
            name = value.items.get("name")
            if (
                isinstance(name, Unknown)
                and "message" in name.labels
                and _IS_NAME.search(name.text)
            ):
                return name.text
    return ""


_SAID = frozenset({"body", "line", "message", "msg", "text"})
_IS_NAME = re.compile(r"(?:\[|\.(?:get|pop)\()['\"]name['\"][\])]?\)?$")


def _is_spliced_in(value: Value) -> bool:
    """`"insert into lines values ('%s')" % data["user"]`: the name is a part of the statement."""
    return labels_of(value) >= {"client", "message", "somebody"} and not path_of(text_of(value))


def names_carried(endpoint: Endpoint) -> Iterator[tuple[Event, str]]:
    """Yield messages that are forwarded unchanged, with a field that names the author.

    `log(data["user"])`, and `for one in clients: one.write_message(message)`.
    """
    for path in (*endpoint.anonymous.paths, *endpoint.member.paths):
        for turn in path.turns():
            name = ""
            for event in turn:
                if event.labels & _PROVEN or _writes_who(event):
                    break  # it is compared with who it is, or written over
                if name and _passes_on(event):
                    yield event, name
                name = name or _read_in(event)


def _read_in(event: Event) -> str:
    """The field of the message by which it says who wrote it, if something is done with that."""
    if event.stage != Stage.MESSAGE or "somebody" not in event.labels:
        return ""
    fields = re.findall(
        r"\[['\"](\w+)['\"]\]|get\(['\"](\w+)['\"]", " ".join(map(text_of, event.values))
    )
    return next((one for pair in fields for one in pair if lexicon.says_who(one)), "")


def _writes_who(event: Event) -> bool:
    """`data["user"] = self.user`: the server says who wrote it."""
    key = event.values[0] if event.values else None
    return (
        event.kind == "store"
        and isinstance(key, Const)
        and isinstance(key.value, str)
        and lexicon.says_who(key.value)
    )


def _passes_on(event: Event) -> bool:
    """`one.write_message(json.dumps(data))`: the whole of it is told to others."""
    if event.kind not in {"act", "send"} or (event.kind == "send" and _is_to_itself(event)):
        return False
    last = (lexicon.chain_of(event.text) or [""])[-1]
    return last in _TOLD and any(map(_is_whole, event.values))


_TOLD = frozenset({"broadcast", "emit", "send", "send_message", "write_message"})
_WHOLE = re.compile(r"(?:[\w.]+\()*message\)*")


def _is_whole(value: Value) -> bool:
    """Return True if it is the whole message, perhaps parsed and serialized anew."""
    return labels_of(value) >= {"client", "message"} and bool(_WHOLE.fullmatch(text_of(value)))


def _last_of(text: str) -> str:
    """`author` of `data["line"]["author"]`."""
    return str((path_of(text) or ("",))[-1])


def _is_to_itself(event: Event) -> bool:
    """Return True if it is the connection's own `self.write_message(…)`, and not another connection's."""
    sites = [node for _, node, _ in event.stack] + [event.node]
    calls = [
        one.func
        for one in sites
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    ]
    if any(one.attr == "broadcast" for one in calls):
        return False  # SockJS: to all of these
    holders = [one.value for one in calls]
    return all(isinstance(one, ast.Name) and one.id in {"self", "cls"} for one in holders)


def _registered_as(event: Event) -> str:
    """`clients[message["name"]] = self`: the client that sends the name is found under it."""
    match event.node, event.values:
        case ast.Call(), (Unknown(labels=labels, text=text), Instance(handler=True)) if (
            event.kind == "join"
        ):
            # `people.register(uid, self)`, and the address says who that is
            claimed = "client" in labels and not labels & {"principal", "credential", "answer"}
            return text if claimed and lexicon.says_who(_last_of(text)) else ""
        case ast.Subscript(), (Unknown(labels=labels, text=text), Instance(handler=True)):
            named = "message" in labels and "principal" not in labels
            return text if named and "credential" not in labels else ""
        case ast.Subscript(), (Const(value=str() as field), Unknown(labels=labels, text=text)):
            # `clients[number]["username"] = message["text"]`
            said = "message" in labels and not labels & {"principal", "credential", "answer"}
            return text if said and lexicon.says_who(field) else ""
        case _:
            return ""


# of a client of unknown identity --------------------------------------------------------


def names_of_anybody(endpoint: Endpoint) -> Iterator[tuple[Event, str]]:
    """Yield the actions and answers of an unauthenticated client under the identity that it claims."""
    if endpoint.authentication.kind not in _NOBODY:
        return
    for path in endpoint.anonymous.paths:
        yield from _on(path, endpoint)


def _on(path: Path, endpoint: Endpoint) -> Iterator[tuple[Event, str]]:
    asked = selected = False
    called: set[str] = set()
    for turn in path.turns():
        failed = any(event.kind in {"check", "close"} for event in turn)
        last = {event.text: event for event in turn if event.kind == "poses"}
        for event in turn:
            if event.labels & _PROVEN:
                continue
            if event.kind == "poses":
                called.add(event.text)
                if event.labels & _FOUND and not failed and last[event.text] is event:
                    yield event, _name_in(event)  # the claimed name is who it is from now on
            if event.stage not in SERVING:
                continue
            words = set(lexicon.words_of((lexicon.chain_of(event.text) or [""])[-1]))
            if event.labels >= {"client", "somebody"}:
                asked = asked or (event.kind in {"act", "call"} and bool(_READS & words))
                selected = selected or _kind_of(event) == "read"
                if _is_kept(event) or _is_said(event, words):
                    yield event, _name_in(event)
            elif _is_kept(event) and called & (asked_for := _asked_of(event, endpoint)):
                yield event, min(called & asked_for)
            told = event.meant or (asked and _is_of_what_was_found(event))
            told = told or (selected and "answer" in event.labels)
            if event.kind == "send" and told and not failed and not event.constant:
                yield event, _name_in(event)


def _asked_of(event: Event, endpoint: Endpoint) -> frozenset[str]:
    """Return the attributes tested on connections here, or by others in the table that this one joins.

    Where they list themselves, that only says who is there.
    """
    table = lexicon.chain_of(event.text)[-3:-1]
    if len(table) < 2 or not table[0][:1].isupper():
        return _asked_of_others(event.module)
    return _asked_of_others(event.module).union(
        _asked_of_table(endpoint.project, ".".join(table), endpoint.info.node)
    )


@remembered
def _asked_of_table(project: Project, table: str, own: ast.ClassDef) -> frozenset[str]:
    """`[one.name for one in People.here]`: what others than a class ask of those in a table."""
    return frozenset(
        inner.attr
        for module in project.naming(table.partition(".")[0])
        for loop in module.loops()
        if not (own in module.tree.body and own.lineno <= loop.lineno <= (own.end_lineno or 0))
        for target, held in _bound_by(loop)
        if isinstance(target, ast.Name) and ast.unparse(held) == table
        for inner in ast.walk(loop)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == target.id
    )


def _bound_by(loop: Loop) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(loop, ast.For | ast.AsyncFor):
        return [(loop.target, loop.iter)]
    return [(part.target, part.iter) for part in loop.generators]


@lru_cache(maxsize=512)
def _asked_of_others(module: Module) -> frozenset[str]:
    """Attributes tested on one of many connections: `for one in all: if one.user_id == user_id: …`."""
    compared = [
        side
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute)
        and isinstance(side.value, ast.Name)
        and side.value.id != "self"
    ]
    looped = [
        inner
        for node in ast.walk(module.tree)
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == node.target.id
    ]
    return frozenset(one.attr for one in compared + looped)


def _is_kept(event: Event) -> bool:
    """`clients[user].append(self)`, `people.register(user, self)`: it is found under that name."""
    return event.kind == "join" and not event.constant


def _is_said(event: Event, words: set[str]) -> bool:
    """`room.say(user, text)`, `lines.insert({"from": user, …})`, `names.append(user)`."""
    if event.kind == "store" and len(event.values) == 2:  # `board[x][y] = data["player"]`
        value = event.values[1]
        return isinstance(value, Unknown) and value.labels >= {"message", "somebody"}
    if event.text != "handler.broadcast" and (
        event.kind != "act" or not (_SAYS & words or _kind_of(event) == "add")
    ):
        return False
    return any(
        "somebody" in labels_of(one) and not _says_where_from(one, words)
        for one in values_in(event)
    )


def _says_where_from(value: Value, words: set[str]) -> bool:
    """`board.move(data["from"], data["to"])`: it goes from a place, and not from a user."""
    return _last_of(text_of(value)) == "from" and bool(_FROM_TO & words)


def _is_of_what_was_found(event: Event) -> bool:
    """`for line in lines.find({"to": user}): self.write_message(line)`, and not whether there is one."""
    return any(
        isinstance(one, Unknown)
        and (bool(one.labels & {"answer", "found"}) or text_of(one).startswith("open("))
        and "somebody" in one.labels
        and not _COUNTED.search(text_of(one))
        for one in values_in(event)
    )


def _name_in(event: Event) -> str:
    """The name as it is said, where it still can be seen."""
    held = [event.receiver] if event.receiver is not None else []
    for one in (*values_in(event), *held):
        for word in re.finditer(r"\w+", text_of(one)):
            if lexicon.says_who(word.group()) and not word.group().isupper():  # SQL has its FROM
                return word.group()
    return "what the client calls itself"


def _kind_of(event: Event) -> str:
    """The kind of the statement of SQL that is executed."""
    of_sql = statement_in(event.values)
    return of_sql.kind if of_sql is not None else ""
