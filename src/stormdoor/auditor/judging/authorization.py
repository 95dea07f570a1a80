"""What a client that is let in acts upon, and whether anything asks if it may."""

import ast
import re

from stormdoor.auditor.classes.classinfo import ClassInfo
from stormdoor.auditor.interpreter.events import SERVING, Event, Stage
from stormdoor.auditor.interpreter.values import (
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor.auditor.judging.asking import Asking
from stormdoor.auditor.judging.commands import ends_what_runs, fires_what_it_names
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.given import chosen_in, values_in
from stormdoor.auditor.judging.own import (
    is_an_amount,
    is_asked_of_a_list,
    is_in_own_place,
    is_own_row,
    selects_for_all,
    shows_a_password,
    tells_all_of,
)
from stormdoor.auditor.judging.ownership import is_statement
from stormdoor.auditor.judging.questions import asks_permission, is_given_the_user
from stormdoor.auditor.judging.relevance import path_of
from stormdoor.auditor.judging.shared import kept_by_a_secret
from stormdoor.auditor.judging.taken import asks_if_taken
from stormdoor.auditor.judging.verbs import BENIGN, PROGRAMS
from stormdoor.auditor.judging.wording import name_of
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words

__all__ = [
    "chosen_objects",
    "names_an_id",
    "only_reads",
    "unasked_authorizer",
    "unasked_objects",
]

_TO_OBJECTS = words(
    """
    cancel change clear close copy delete destroy drop edit execute fetch find follow get join
    kill load lookup modify move open pause query read remove rename restart run save select set
    start stop subscribe update watch write
    """
)
_FINDS = words("by fetch find first get load lookup one query select")
_ID = re.compile(r"(?:\[|get\()['\"]\w*(id|uuid|pk|number)['\"]", re.IGNORECASE)
_PARSES = words(
    """
    asdict b64decode clean compress decode decompress decrypt deserialize dump dumps encrypt escape
    fromstring loads normalize pack packb parse sanitize serialize uncompress unescape unpack unpackb
    unquote validate
    """
)
_MAKES = (
    *(["as", "dict"], ["as", "json"], ["from", "json"], ["model", "dump"]),
    *(["model", "validate"], ["to", "dict"], ["to", "json"]),
)
"""How the names of methods begin that make one thing of another."""
_COMMANDS = words("delete drop halt kill purge reboot reset restart shutdown stop terminate wipe")
_CONTENT = words("body caption comment content description line message msg subject text title")
"""Names of what a message says, and not of what it is about."""
# Not `write` and `send`: what is behind them may as well be a terminal.
_TELLS = words(
    """
    add append broadcast create emit hmset hset insert log notify post publish push record save
    say store
    """
)
_RIGHTS = frozenset({"access", "acl", "owner", "permission", "permissions"})
"""Words of an argument that says by which right something is had."""
_PAGES = frozenset({"limit", "offset", "order_by", "skip", "sort"})
_TEXTS = ("bytes.", "bytearray.", "str.")
_COMPUTES = ("base64.", "binascii.", "hashlib.", "hmac.", "struct.", "uuid.", "xxhash.", "zlib.")
"""How the names of functions begin that make one value of another."""


def unasked_authorizer(endpoint: Endpoint) -> str:
    """What a base has for the question whether a client may, where the handler serves without it."""
    if asks_permission(endpoint):
        return ""
    opened = endpoint.method("open")
    if not _takes_address(opened) and not any(
        event.kind in {"call", "act", "join", "store"}
        and event.stage in SERVING
        and event.text.rpartition(".")[2] not in BENIGN
        and _is_addressed(event)
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


def _is_addressed(event: Event) -> bool:
    """Whether it is given what the address or the query names, and not only how much of something."""
    if event.kind == "call" and "." not in event.text:
        return False  # it is Python's own: `int(...)`
    held = labels_of(*_places(event))
    return ("client" in held and bool(held & {"url", "query"})) or (
        any(
            one.labels & {"url", "query"} and not one.labels & {"answer", "found"}
            for one in chosen_in(event)
        )
        and not is_an_amount(event)
    )


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
    asking = Asking(endpoint)
    if asking.before_accept:
        return []  # who is not asked there lets nobody in, or is told to by a setting
    deeds = [*chosen_objects(endpoint), *_commanded(endpoint)]
    elsewhere = _logged_into(endpoint)
    unasked = [
        event
        for event in deeds
        if asking.leaves_open(event) and not event.text.startswith(elsewhere)
    ]
    kept = kept_by_a_secret(endpoint, unasked) if unasked else []
    return [event for event in unasked if event not in kept]


def _logged_into(endpoint: Endpoint) -> tuple[str, ...]:
    """`box = IMAP4(HOST)`, `box.login(data["user"], data["password"])`: that server asks who may what there.

    What the program keeps for all is no such thing, whoever has logged into it, nor what it logs into itself.
    """
    calls = [one for one in endpoint.member.events if one.kind == "call"]
    made = {one.text for one in calls if one.stage in SERVING}
    as_client: dict[str, bool] = {}
    for one in calls:
        holder, _, name = one.text.rpartition(".")
        if holder.endswith(")") and holder.partition("(")[0] in made and lexicon.is_login(name):
            as_client[holder] = as_client.get(holder, True) and shows_a_password(one)
    return tuple(f"{holder}." for holder, always in as_client.items() if always)


def _commanded(endpoint: Endpoint) -> list[Event]:
    """What a message has done to the whole program: `if message == "shutdown": server.stop()`."""
    return [
        event
        for event in endpoint.member.events
        if event.kind == "act"
        and event.stage == Stage.MESSAGE
        and "client" not in event.labels
        and not is_given_the_user(event)
        and (_ends_something(event) or ends_what_runs(event))
    ]


def _ends_something(event: Event) -> bool:
    return (
        bool(_COMMANDS & set(lexicon.words_of(event.text.rpartition(".")[2])[:1]))
        and _is_of_the_program(event.text)
        and (event.receiver is None or event.text.startswith("self.application."))
        and is_statement(event.module, event.node)  # and no query that goes on
    )


def _is_of_the_program(text: str) -> bool:
    """Whether it belongs to the application or a module, and not to the connection."""
    return text.startswith("self.application.") or not text.startswith(("self.", "super()"))


def chosen_objects(endpoint: Endpoint) -> list[Event]:
    """Where the handler acts on something that its client chose by a message or by the address."""
    seen: set[int] = set()
    found: list[Event] = []
    for event in endpoint.member.events:
        if event.kind not in {"act", "join"} and not _is_put(event):
            continue
        if event.stage not in SERVING:
            continue
        if id(event.node) in seen or "client" not in event.labels:
            continue
        if not event.labels & {"message", "url", "query"}:
            continue
        if _queued(event.text):
            continue
        told = tells_all_of(event) or fires_what_it_names(event)
        if asks_if_taken(event) or (event.text.rpartition(".")[2] in BENIGN and not told):
            continue
        if _is_found_for_itself(endpoint, event):
            continue
        asked = is_given_the_user(event) or _is_told_the_right(event)
        if asked or only_reads(event) or _is_content(event):
            continue
        if is_in_own_place(event) or is_own_row(event) or is_asked_of_a_list(event):
            continue
        if is_an_amount(event) and (
            event.receiver is None or "client" not in labels_of(event.receiver)
        ):
            continue
        seen.add(id(event.node))
        found.append(event)
    return found


def _is_found_for_itself(endpoint: Endpoint, event: Event) -> bool:
    """Whether it is found under the user's own name, or that a message finds it is the log-in."""
    held, login = event.receiver, endpoint.authentication.event
    if held is None or "principal" in held.labels:
        return held is not None
    return login is not None and "message" in held.labels and text_of(held) == login.text


def _is_content(event: Event) -> bool:
    """`lines.insert({"text": message["text"]})`: where it goes is not up to the client."""
    words = lexicon.words_of(event.text.rpartition(".")[2])
    if (
        event.kind != "act"
        or not _TELLS & set(words[:1])
        or labels_of(*_places(event)) & {"client"}
    ):
        return False
    said = [
        str((path_of(value.text) or value.text.split("."))[-1])
        for value in values_in(event)
        if isinstance(value, Unknown) and "client" in value.labels
    ]
    return bool(said) and all(one in _CONTENT for one in said)


def _places(event: Event) -> list[Value]:
    """What is acted upon, as far as it is no argument."""
    return [event.receiver] if event.receiver is not None else []


def _is_put(event: Event) -> bool:
    """`application.state[message["key"]] = …`, of what is not the connection's own."""
    if event.kind != "store" or not _is_of_the_program(event.text):
        return False
    if len(event.values) == 2 and "client" in labels_of(event.values[0]):
        return True
    # Something that was found under what the client said is given another value.
    held = event.receiver
    return held is not None and (labels_of(held) >= {"client", "found"} or _is_looked_up(held))


def _is_looked_up(held: Value) -> bool:
    """`query(Document).get(data["id"])`, and not what a message is made into: `Message.parse(data)`."""
    chain = lexicon.chain_of(text_of(held))
    return (
        labels_of(held) >= {"client", "answer"}
        and text_of(held).endswith(")")
        and len(chain) > 1
        and bool(_FINDS & set(lexicon.words_of(chain[-1])))
    )


def only_reads(event: Event) -> bool:
    """Whether it makes something of the message, and does nothing with it: `Ping.parse(message)`."""
    name = event.text.rpartition(".")[2]
    words = lexicon.words_of(name)
    if event.text.startswith("None.") or lexicon.is_predicate(name):
        return True  # nothing can be done with nothing, and a question is no deed
    if name.endswith(("Error", "Exception")) or event.text.startswith(_TEXTS + _COMPUTES):
        return True  # what is raised, and another text
    if selects_for_all(event) or _only_makes(event):
        return True
    if words[:1] == ["get"] and len(words) > 1 and _says_of_itself(event):
        return True
    if name in _PAGES:
        return True  # what is selected was said before
    if len(words) > 1 and words[-1] in {"join", "quote", "encode", "decode", "escape", "format"}:
        return True
    return bool(_PARSES & set(words[:1])) or words[:2] in _MAKES


def _says_of_itself(event: Event) -> bool:
    """`document.get_title()`: what was found is asked for a part of it that the client has no say in."""
    held = event.receiver
    return (
        held is not None
        and labels_of(held) >= {"client"}
        and bool(labels_of(held) & {"answer", "found"})
        and not labels_of(*event.values, *(value for _, value in event.words)) & {"client"}
    )


def _only_makes(event: Event) -> bool:
    """`db.execute(query, (Json(message), session))`: what is done is done with what is made there."""
    return (
        event.kind == "act"
        and event.receiver is None
        and name_of(event)[:1].isupper()
        and not event.text.startswith(PROGRAMS)
        and not is_statement(event.module, event.node)
    )


def _is_told_the_right(event: Event) -> bool:
    """`terminals.open(name, access_code=code)`: what is called can tell whether this may be had."""
    return any(_RIGHTS & set(lexicon.words_of(name)) for name, _ in event.words)


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
    """Whether something is done to the object of an id that stands in a message."""
    words = lexicon.words_of(event.text.rpartition(".")[2])
    return (
        event.kind == "act"
        and bool(_TO_OBJECTS & set(words))
        and any(
            isinstance(value, Unknown) and "message" in value.labels and _ID.search(value.text)
            for value in values_in(event)
        )
    )
