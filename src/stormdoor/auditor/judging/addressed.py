"""What the address names, and whoever connects is given, joins or works on."""

import re
from collections.abc import Iterator
from functools import lru_cache

from stormdoor.auditor.interpreter.events import SERVING, Event, Stage
from stormdoor.auditor.interpreter.values import (
    Instance,
    Mapping,
    Sequence,
    Value,
    labels_of,
    text_of,
)
from stormdoor.auditor.judging.authorization import only_reads
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.finding import is_found_by_nobody
from stormdoor.auditor.judging.given import values_in
from stormdoor.auditor.judging.relevance import ADDRESS, path_of
from stormdoor.auditor.judging.verbs import BENIGN, PROGRAMS
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.reading.project import Project

__all__ = ["addressed_by_anybody", "is_for_listeners", "only_listens"]

_ASKED_ELSEWHERE = frozenset({"address", "credential", "header", "host"})
"""A token is for who has it; and what is passed on as it came is asked by whom it reaches."""
_MANNER = words(
    """
    color colour cols columns compress count delay encoding format fps freq frequency from
    height interval lang language last lat limit lng locale lon max min mode offset order page
    period protocol quality rate rows seconds since size sort speed start theme time timeout
    timestamp ts tz version width zoom
    """
)
"""Words of an argument that says how something is given, and not what."""


def addressed_by_anybody(endpoint: Endpoint) -> list[Event]:
    """What is done for a client that nobody knows with what its address names.

    `rooms[room].add(self)`, `redis.subscribe(channel)`, `kernels.get(kernel_id).execute(code)`.
    """
    events = endpoint.anonymous.events
    quiet = only_listens(endpoint)
    return [
        one
        for one in events
        if _is_addressed(one)
        and not (quiet and is_for_listeners(one))
        and not is_found_by_nobody(endpoint.project, one)
    ]


def only_listens(endpoint: Endpoint) -> bool:
    """Whether nothing comes of what a client says, in a program that knows no users: all is for all."""
    said = any(
        event.stage == Stage.MESSAGE and event.kind in _EFFECTS
        for event in endpoint.anonymous.events
    )
    return not said and not _knows_users(endpoint.project)


@lru_cache(maxsize=16)
def _knows_users(project: Project) -> bool:
    """Whether any file of a program speaks of who somebody is, or of what only some know."""
    return any(
        _OF_USERS.search(line)
        for module in project.inside()
        if not module.is_test
        for line in module.lines
    )


_OF_USERS = re.compile(
    r"authenticat|authoriz|current_user|log_?in\b|passw(or)?d|(secure|signed)_cookie|secret|token",
    re.IGNORECASE,
)
_EFFECTS = frozenset({"act", "alter", "dispatch", "join", "picks", "send", "store"})


def is_for_listeners(event: Event) -> bool:
    """`rooms[room].add(self)`: news of a place is for whoever asks for it, and that of somebody is not."""
    makes_place = event.kind == "act" and event.text.endswith(".setdefault")
    return (event.kind == "join" or makes_place) and "somebody" not in event.labels


def _is_addressed(event: Event) -> bool:
    if event.stage not in SERVING or event.kind not in {"act", "join"}:
        return False
    if "client" not in event.labels or event.labels & _ASKED_ELSEWHERE:
        return False
    if event.text.rpartition(".")[2] in BENIGN - {"get", "send", "write_message"}:
        return False
    if only_reads(event) or _only_makes(event):
        return False
    return _is_of_what_was_found(event) or any(_names_something(one) for one in _given(event))


def _only_makes(event: Event) -> bool:
    """`ObjectId(name)`, `template.generate(name=name)`: another form of the name, or a text with it."""
    last = (lexicon.chain_of(event.text) or [""])[-1]
    if lexicon.words_of(last)[:1] in (["generate"], ["render"]):
        return True
    made = event.kind == "act" and event.receiver is None and last[:1].isupper()
    return made and not event.text.startswith(PROGRAMS)


def _is_of_what_was_found(event: Event) -> bool:
    """`self.sheet.apply(message)`, where the address said which sheet that is."""
    held = labels_of(event.receiver) if event.receiver is not None else frozenset()
    return bool(held & ADDRESS) and "answer" in held and "message" in event.labels


def _given(event: Event) -> Iterator[Value]:
    if event.receiver is not None:
        yield event.receiver
    for value in values_in(event):
        if not isinstance(value, Mapping | Sequence):
            yield value


def _names_something(value: Value) -> bool:
    labels = labels_of(value)
    if isinstance(value, Instance) or not labels & ADDRESS or "answer" in labels:
        return False
    path = path_of(text_of(value))
    return not (path and set(lexicon.words_of(str(path[-1]))) & _MANNER)
