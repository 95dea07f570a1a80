"""What a message of anybody does to things of others: it changes them, switches them, speaks to them."""

import ast
import re
from collections.abc import Iterator

from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import Unknown, Value, labels_of, text_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.relevance import path_of
from stormdoor.auditor.naming import lexicon

__all__ = ["deeds_of_anybody"]

_CHANGES = frozenset(
    {"delete", "destroy", "drop", "edit", "erase", "kill", "modify", "overwrite", "purge"}
    | {
        "reboot",
        "remove",
        "rename",
        "replace",
        "restart",
        "shutdown",
        "terminate",
        "update",
        "wipe",
    }
)
_KEEPS = frozenset({"apply", "commit", "put", "save", "set", "write"})
"""What changes an object that was looked up."""
_FINDS = frozenset(
    {"by", "fetch", "filter", "find", "first", "get", "load", "lookup", "objects", "one", "query"}
    | {"select"}
)
_TELLS = frozenset({"emit", "notify", "publish", "say", "send", "tell", "write"})
_SPEAKS = _TELLS | {"deliver", "forward", "message", "post", "push", "talk", "whisper"}
_RUNS = frozenset(
    {"apply", "call", "delay", "dispatch", "enqueue", "execute", "fire", "invoke", "queue", "run"}
    | {"schedule", "send", "start", "submit", "trigger"}
)
_PICKS = frozenset({"func", "function", "job", "method", "procedure", "task"})
_FACTORIES = frozenset({"event", "signal"})
_FIRES = frozenset({"dispatch", "emit", "fire", "send", "trigger"})
_SWITCHES = frozenset(
    {"activate", "close", "deactivate", "disable", "enable", "lock", "off", "on", "open", "output"}
    | {"reset", "start", "stop", "switch", "toggle", "turn", "unlock"}
)
_WHOLE = (["on"], ["off"])
_ID = re.compile(r"(^|_)(id|uuid|pk|number)$|[a-z]I[dD]$")
_RECIPIENT = re.compile(
    r"^(to_?(client|id|name|nick|uid|user\w*)|(dest|destination|target)_?(client|id|uid|user\w*)"
    r"|recipients?(_?(id|name))?|receivers?(_?(id|name))?|addressee)$",
    re.IGNORECASE,
)


def deeds_of_anybody(endpoint: Endpoint) -> list[Event]:
    """What a message does to what is not its sender's, where nobody knows who that is."""
    return [
        event
        for event in endpoint.anonymous.events
        if event.stage == Stage.MESSAGE and _is_done_to_another(endpoint, event)
    ] or list(_switched(endpoint))


def _is_done_to_another(endpoint: Endpoint, event: Event) -> bool:
    if not event.labels >= {"client", "message"}:
        return False
    match event.kind:
        case "act" | "join":
            return (
                _changes(event)
                or _speaks_to_whom_it_names(event)
                or _runs_what_it_names(event)
                or _calls_what_it_finds(event)
                or (_switches(event) and _is_of_the_module(endpoint, event))
            )
        case "store":
            return _sets(event)
        case _:
            return False


def _changes(event: Event) -> bool:
    """`Widget.delete(data["id"])`, `Board.get(data["board_id"]).save()`."""
    words = lexicon.words_of(_name(event))
    if _is_found(event.receiver):
        return bool((_CHANGES | _KEEPS) & set(words[:1]))
    if not _CHANGES & set(words[:1]) or event.kind == "join":
        return False
    return any(_ID.search(name) for name in _fields(event))


def _is_found(holder: Value | None) -> bool:
    """Whether an object was looked up by what the message says, in what is not the connection's own."""
    if holder is None or not labels_of(holder) >= {"client", "message"}:
        return False
    text = text_of(holder)
    chain = lexicon.chain_of(text)
    if not text.endswith(")") or len(chain) < 2 or chain[0] == "self":
        return False
    return bool(_FINDS & set(lexicon.words_of(chain[-1])))


def _speaks_to_whom_it_names(event: Event) -> bool:
    """`people[data["to"]].write_message(text)`, `post.send(data["to_user"], data["text"])`."""
    words = set(lexicon.words_of(_name(event)))
    held = event.receiver
    if (
        held is not None
        and labels_of(held) >= {"client", "message", "found"}
        and not labels_of(held) & {"answer"}
        and _TELLS & words
    ):
        return True
    fields = list(_fields(event))
    return (
        bool(_SPEAKS & words) and len(fields) > 1 and any(_RECIPIENT.match(one) for one in fields)
    )


def _runs_what_it_names(event: Event) -> bool:
    """`celery.send_task(data["task"])`, `signal(data["name"]).send(self)`."""
    words = set(lexicon.words_of(_name(event)))
    chain = lexicon.chain_of(event.text)
    held = event.receiver
    if held is not None and "message" in labels_of(held) and len(chain) > 1:
        made = set(lexicon.words_of(chain[-2]))
        if _FACTORIES & made and _FIRES & words and text_of(held).endswith(")"):
            return True
    return bool(_RUNS & words) and any(
        bool(_PICKS & set(lexicon.words_of(name)[-1:])) for name in _fields(event)
    )


def _calls_what_it_finds(event: Event) -> bool:
    """`procedures[message.procedure](*message.arguments)`."""
    node = event.node
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Subscript)
        and not isinstance(node.func.slice, ast.Constant)
        and event.receiver is None
        and event.text.endswith("]")
    )


def _sets(event: Event) -> bool:
    """`CONFIG[data["key"]] = data["value"]`."""
    return (
        len(event.values) == 2
        and all("message" in labels_of(one) for one in event.values)
        and lexicon.is_setting_chain([event.text.rpartition(".")[2]])
    )


def _switched(endpoint: Endpoint) -> Iterator[Event]:
    """`if message == "LIGHTS_ON": lights.on()`: what some messages bring about, and others do not.

    One thing that a message may bring about is the service itself; who picks one of many commands it.
    """
    turns = [turn for path in endpoint.anonymous.paths for turn in _turns(path.events)]
    found: dict[int, Event] = {}
    for event in endpoint.anonymous.events:
        if (
            event.kind == "act"
            and event.stage == Stage.MESSAGE
            and not event.labels & {"client", "self"}
            and _switches(event)
            and _is_of_the_module(endpoint, event)
            and not all(any(one.node is event.node for one in turn) for turn in turns)
        ):
            found.setdefault(id(event.node), event)
    if len(found) > 1:
        yield from found.values()


def _switches(event: Event) -> bool:
    """`lights.turn_on()`, `lightsOff()`, `board.output(...)`; what begins with `on` is told of something."""
    words = lexicon.words_of(_name(event))
    return (bool(_SWITCHES & set(words)) and words[:1] not in (["on"], ["off"])) or words in _WHOLE


def _turns(events: list[Event]) -> list[list[Event]]:
    turns: list[list[Event]] = []
    for event in events:
        if event.kind == "message":
            turns.append([])
        elif turns:
            turns[-1].append(event)
    return turns


def _is_of_the_module(endpoint: Endpoint, event: Event) -> bool:
    """Whether it belongs to an object that a module or the application has, and no call made for itself."""
    node = event.node.func if isinstance(event.node, ast.Call) else None
    if not isinstance(node, ast.Attribute):
        return False
    names = [node.attr]
    inner: ast.expr = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return False
    if inner.id == "self":
        return "application" in names
    return bool(endpoint.project.members(event.module, inner.id))


def _fields(event: Event) -> Iterator[str]:
    """Names of the fields of the message that a call is given."""
    for value in (*event.values, *(value for _, value in event.words)):
        if isinstance(value, Unknown) and "message" in value.labels:
            path = path_of(text_of(value))
            if path:
                yield str(path[-1])


def _name(event: Event) -> str:
    return (lexicon.chain_of(event.text) or [""])[-1]
