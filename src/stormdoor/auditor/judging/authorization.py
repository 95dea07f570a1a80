"""What a client that is let in acts upon, and whether anything asks if it may."""

import ast
import re
from collections.abc import Iterator

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import Instance, Mapping, Sequence, Unknown, Value
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.naming import lexicon

__all__ = [
    "asks_permission",
    "chosen_objects",
    "claimed_identity",
    "names_an_id",
    "permission_asked",
    "unasked_authorizer",
    "unasked_objects",
]

_ASKS = frozenset(
    [
        "authorize",
        "authorise",
        "authorized",
        "authorised",
        "authorization",
        "authorizer",
        "permission",
        "permissions",
        "permitted",
        "permit",
        "allowed",
        "acl",
        "role",
        "roles",
        "scope",
        "scopes",
        "owner",
        "owns",
        "can",
        "may",
        "access",
        "admin",
        "forbidden",
        "policy",
        "member",
        "grant",
        "granted",
        "privilege",
        "rights",
    ]
)
_BENIGN = frozenset(
    [
        "info",
        "debug",
        "warning",
        "error",
        "exception",
        "log",
        "get_cookie",
        "get_argument",
        "loads",
        "dumps",
        "decode",
        "encode",
        "add_callback",
        "write_message",
        "ping",
        "close",
        "send",
        "get",
        "on_close",
        "format",
        "split",
        "strip",
    ]
)
_DOES = frozenset(
    [
        "add",
        "append",
        "broadcast",
        "create",
        "delete",
        "dispatch",
        "emit",
        "execute",
        "insert",
        "make",
        "notify",
        "post",
        "publish",
        "push",
        "put",
        "record",
        "register",
        "remove",
        "save",
        "send",
        "set",
        "setsockopt",
        "store",
        "subscribe",
        "unsubscribe",
        "update",
        "write",
    ]
)
"""What does something with the user and the object together, and asks nothing."""
_FIELD = re.compile(
    r"(?:\[|\.(?:get|pop)\()['\"](user|username|user_?id|uid|from|from_?user|sender|author|nick|nickname|login)['\"][\])]?\)?$",
    re.IGNORECASE,
)
_ID = re.compile(r"(?:\[|get\()['\"]\w*(id|uuid|pk|number)['\"]", re.IGNORECASE)
_SERVING = frozenset({Stage.OPEN, Stage.MESSAGE, Stage.LATER})


def asks_permission(endpoint: Endpoint) -> bool:
    """Whether anything on a way of a client that is let in speaks of what it may do."""
    return permission_asked(endpoint) is not None


def permission_asked(endpoint: Endpoint) -> Event | None:
    """Where a client that is let in is asked what it may do, if anywhere."""
    return next((event for event in endpoint.member.events if _asks(event)), None)


def _asks(event: Event) -> bool:
    if event.stage not in {Stage.PREPARE, Stage.GET, Stage.OPEN, Stage.MESSAGE, Stage.LATER}:
        return False
    if event.kind in {"call", "check"}:
        match event.node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=holder))) if (
                lexicon.is_authorizer(holder)
            ):
                return True
            case _:
                pass
        last = event.text.partition("(")[0].rpartition(".")[2]
        words = lexicon.words_of(last)
        if _ASKS & set(words) or event.text.startswith("access: "):
            return True
        if (
            "principal" in event.labels
            and "client" in event.labels
            and last not in _BENIGN
            and not _DOES & set(words[:1])
        ):
            return True  # the user and the object together: the callee can tell
    return any(_ASKS & set(lexicon.words_of(name)) for _, _, name in event.stack[-2:])


def unasked_authorizer(endpoint: Endpoint) -> str:
    """What a base has for the question whether a client may, where the handler serves without it."""
    if permission_asked(endpoint) is not None:
        return ""
    opened = endpoint.method("open")
    if not _takes_address(opened) and not any(
        event.kind in {"call", "act", "join", "store"}
        and event.stage in _SERVING
        and "client" in event.labels
        and event.labels & {"url", "query"}
        and event.text.rpartition(".")[2] not in _BENIGN
        for event in endpoint.member.events
    ):
        return ""  # there is one thing for all, and whoever may connect may have it
    for at, one in enumerate(endpoint.info.mro[1:], start=1):
        if isinstance(one, ClassInfo):
            names = endpoint.hierarchy.members(one)
            found = next((name for name in names if lexicon.is_authorizer(name)), "")
        else:
            known = endpoint.hierarchy.knowledge.about(one.name)
            found = known.authorizer if known is not None else ""
        if found:
            own = [two for two in endpoint.info.mro[:at] if isinstance(two, ClassInfo)]
            used = any(_names(two.node, found) for two in own) or any(
                _names(event.node, found) for event in endpoint.member.events
            )
            return "" if used else f"self.{found}"
    return ""


def _takes_address(method: object) -> bool:
    """Whether `open(self, path)` is given a part of the address."""
    node = getattr(method, "node", None)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.args.args) > 1


def _names(node: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Attribute) and inner.attr == name for inner in ast.walk(node))


def unasked_objects(endpoint: Endpoint) -> list[Event]:
    """Where the handler acts on what its client chose, on a way on which nothing asked before.

    One kind of message may be asked about and another not: each way counts by itself.
    """
    chosen = chosen_objects(endpoint)
    wanted = {id(event.node) for event in chosen}
    ways = [path.events for path in endpoint.member.paths]
    open_to_all: set[int] = set()
    for events in ways:
        asked = False
        for event in events:
            asked = asked or _asks(event)
            if not asked and id(event.node) in wanted and event.kind in {"act", "join"}:
                open_to_all.add(id(event.node))
    asking = [event for event in endpoint.member.events if _asks(event)]
    if not asking:
        return chosen
    if any(event.stage in {Stage.PREPARE, Stage.GET} for event in asking):
        return []  # before the 101: who is not asked there lets nobody in, or is told to by a setting
    return [event for event in chosen if id(event.node) in open_to_all]


def chosen_objects(endpoint: Endpoint) -> list[Event]:
    """Where the handler acts on something that its client chose by a message or by the address."""
    seen: set[int] = set()
    found: list[Event] = []
    for event in endpoint.member.events:
        if event.kind not in {"act", "join"} or event.stage not in _SERVING:
            continue
        if id(event.node) in seen or "client" not in event.labels:
            continue
        if not event.labels & {"message", "url", "query"}:
            continue
        if event.text.rpartition(".")[2] in _BENIGN or _queued(event.text):
            continue
        if event.receiver is not None and "principal" in event.receiver.labels:
            continue  # it is found under the user's own name
        seen.add(id(event.node))
        found.append(event)
    return found


def _queued(text: str) -> bool:
    """A message that is put on a queue has not been acted upon."""
    chain = lexicon.chain_of(text)
    if not chain or chain[-1] not in {"put", "put_nowait"}:
        return False
    before = chain[-2] if len(chain) > 1 else ""
    return chain[-1] == "put_nowait" or bool(
        set(lexicon.words_of(before)) & {"queue", "q", "inbox", "mailbox"}
    )


def names_an_id(event: Event) -> bool:
    """Whether an argument is an id that stands in a message."""
    return any(
        isinstance(value, Unknown) and "message" in value.labels and _ID.search(value.text)
        for value in _values(event)
    )


def claimed_identity(event: Event) -> str:
    """The field of a message that is handed on as somebody's identity, or empty."""
    if event.kind not in {"act", "join", "send", "store"} or event.stage != Stage.MESSAGE:
        return ""
    last = event.text.rpartition(".")[2]
    if lexicon.is_verification_name(last) or "principal" in event.labels:
        return ""
    for value in _values(event):
        if (
            isinstance(value, Unknown)
            and "message" in value.labels
            and "credential" not in value.labels
        ) and _FIELD.search(value.text):
            return value.text
    return ""


def _values(event: Event) -> Iterator[Value]:
    pending: list[tuple[Value, int]] = [(value, 0) for value in event.values]
    pending += [(value, 0) for _, value in event.words]
    while pending:
        value, depth = pending.pop()
        yield value
        if depth < 3:
            if isinstance(value, Sequence):
                pending.extend((one, depth + 1) for one in value.items)
            elif isinstance(value, Mapping):
                pending.extend((one, depth + 1) for one in value.items.values())
            elif isinstance(value, Instance) and not value.handler:
                pending.extend((one, depth + 1) for one in value.attrs.values())
