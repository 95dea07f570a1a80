"""Whether anything asks what a client may do, before it is done, and does something about the answer."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

from stormdoor.auditor.connection.pathway import Path
from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.expressions.proofs import mark_at
from stormdoor.auditor.interpreter.values import Bound, Instance, Mapping, Value, labels_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.given import chosen_in
from stormdoor.auditor.judging.relevance import is_about
from stormdoor.auditor.judging.swallowing import is_swallowed
from stormdoor.auditor.judging.telling import only_notes, only_skips_itself
from stormdoor.auditor.judging.themselves import Themselves
from stormdoor.auditor.judging.verbs import CHANGES, KEEPS, SPEAKS
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.reading.module import Module

__all__ = [
    "BENIGN",
    "DOING",
    "SHARED",
    "Asking",
    "asks",
    "asks_permission",
    "is_given_the_user",
    "permission_asked",
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
BENIGN = frozenset(
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
_CHANGES = frozenset(
    {"create", "delete", "insert", "put", "remove", "save", "set", "store", "update", "write"}
)
"""Of these what changes something that may be the user's own."""
_OF_ONE = frozenset({"delete", "remove", "replace", "update"})
"""Of these what is told first which rows are meant."""
_LIMITS = frozenset({"requires", "require", "required", "needs", "only", "restricted", "restrict"})
"""Words of a decorator that says who may do something, unless it speaks of a login."""
_LOGINS = frozenset(
    {"login", "auth", "authenticated", "user", "session", "token", "jwt", "xsrf", "csrf"}
)
_YES = frozenset({"allow", "allows", "allowed", "permits", "permitted", "owns", "contains", "in"})
_FINDS = frozenset(
    {"by", "count", "exists", "fetch", "filter", "find", "first", "get", "index", "load", "lookup"}
    | {"one", "query", "search", "select", "test", "where"}
)
_ACCOUNT = frozenset(
    {"activated", "active", "alive", "confirmed", "deactivated", "deleted", "disabled", "enabled"}
    | {"exists", "expired", "inactive", "is", "has", "logged", "in", "online", "valid", "verified"}
)
"""Words for whether there is such an account."""
_STAGES = frozenset({Stage.PREPARE, Stage.GET, Stage.OPEN, Stage.MESSAGE, Stage.LATER})
SHARED = frozenset({"board", "channel", "group", "project", "room", "team", "topic"})
"""Words for a place that some may write to."""
_Way: TypeAlias = tuple[tuple[int, str], ...]
_FOUND_OUT = frozenset({"answer", "found", "principal", "proven"})
DOING = frozenset({"act", "join", "store", "dispatch", "picks"})
"""Kinds of events by which something is done."""
_COUNTS = _FINDS | {"incr", "increment", "lock", "note", "touch"}
"""What may come before a log-in that the same message tries."""
_CHECKS = frozenset(
    {"allow", "allowed", "allows", "are", "ask", "assert", "can", "check", "deny", "enforce"}
    | {"ensure", "fetch", "find", "forbid", "get", "guard", "has", "is", "load", "lookup", "may"}
    | {"must", "need", "needs", "only", "permit", "permits", "query", "require", "required"}
    | {"requires", "restrict", "should", "test", "validate", "verify", "was"}
)
"""How the name of a question begins, whatever it is about."""
_HANDLES = frozenset({"cmd", "command", "do", "handle", "on", "process", "run"})
_DEEDS = (CHANGES | KEEPS | SPEAKS | _DOES) - {"access", "contains"}
_DEEDS |= {"ban", "count", "invite", "join", "kick", "leave", "list", "log", "login", "new", "note"}
"""Words by which a name is that of a deed: somebody is made a member, an administrator removes something."""
_STDLIB = sys.stdlib_module_names


def asks_permission(endpoint: Endpoint) -> bool:
    """Whether anything on a way of a client that is let in speaks of what it may do."""
    return permission_asked(endpoint) is not None


def permission_asked(endpoint: Endpoint) -> Event | None:
    """Where a client that is let in is asked what it may do, if anywhere."""
    return next((event for event in endpoint.member.events if asks(event)), None)


def asks(event: Event) -> bool:
    """Whether an event is a question about what the client may do."""
    if event.stage not in _STAGES:
        return False
    if event.kind in {"call", "check"}:
        match event.node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=holder))) if (
                lexicon.is_authorizer(holder)
            ):
                return True
            case _:
                pass
        last = _last_of(event)
        words = lexicon.words_of(last)
        if event.kind == "check" and (only_notes(event) or only_skips_itself(event)):
            return False
        if event.text.startswith("access: "):
            return not _is_account_state(event.text)
        if _is_question(words) or _is_asked_of(event.text):
            return True
        if event.text.startswith("@") and _LIMITS & set(words) and not _LOGINS & set(words):
            return True
        if (
            {"principal", "client"} <= event.labels
            and last not in BENIGN
            and not any(map(_is_of_the_connection, event.values))
            and not _is_of_the_language(event.text)
            and not _DOES & set(words[:1])
            and (_is_told_the_user(event) or _finds_or_says(last))
        ):
            return True  # the user and the object together: the callee can tell
    return any(_is_question(lexicon.words_of(name)) for _, _, name in event.stack[-2:])


def _is_question(words: list[str]) -> bool:
    """`can_edit`, `check_member`, `role_of`, and not `add_member`, `admin_delete`, `on_access`."""
    if not _ASKS & set(words):
        return False
    if words[0] in _CHECKS:
        return True
    return words[0] not in _HANDLES and not _DEEDS & set(words)


def _is_account_state(text: str) -> bool:
    """`user.enabled and not user.deleted`: whether there is such a user at all, and not what it may."""
    words = lexicon.words_of(text.removeprefix("access: ").removeprefix("not ").rpartition(".")[2])
    return bool(words) and set(words) <= _ACCOUNT


def _last_of(event: Event) -> str:
    """The name of what is called: `require` of `Permission("admin").require`."""
    chain = lexicon.chain_of(event.text.removesuffix("()"))
    return chain[-1] if chain else event.text


def _is_asked_of(text: str) -> bool:
    """`Permission(Role("admin")).require()`: what it is made of says what is asked."""
    chain = lexicon.chain_of(text)
    made = chain[-2] if len(chain) > 1 and chain[-2][:1].isupper() else ""
    return bool(_ASKS & set(lexicon.words_of(made))) and (
        _finds_or_says(chain[-1]) or lexicon.is_raising_name(chain[-1])
    )


def _is_of_the_connection(value: Value) -> bool:
    """`room.user_in(user, self.hear)`: what is to be called when there is news joins, and asks nothing."""
    return (
        isinstance(value, Bound) and isinstance(value.receiver, Instance) and value.receiver.handler
    )


def _is_told_the_user(event: Event) -> bool:
    """Whether the user is among the arguments, and not only whose method it is."""
    given = (*event.values, *(value for _, value in event.words))
    return event.receiver is None or "principal" in labels_of(*given)


def _finds_or_says(name: str) -> bool:
    """`user.rooms.get(...)`, `account.allows(...)`: whose it is, it finds its own, or says if it may."""
    return lexicon.is_predicate(name) or bool((_FINDS | _YES) & set(lexicon.words_of(name)))


def _is_of_the_language(text: str) -> bool:
    """Whether a function of this name is Python's own, and knows no user."""
    top = text.partition(".")[0]
    return "." not in text or top in _STDLIB


def is_given_the_user(event: Event) -> bool:
    """`store.delete(user, key)`: what changes something is told whose it has to be."""
    words = lexicon.words_of(event.text.rpartition(".")[2])
    if "execute" in words[:1]:
        statement = str(getattr(next(iter(event.values), None), "value", "")).lower()
        return "principal" in event.labels and bool(
            re.match(r"\s*insert\b|.*\bwhere\b", statement, re.DOTALL)
        )
    if not _CHANGES & set(words[:1]):
        return False
    if words[:1] in (["create"], ["insert"]) and _is_put_in_a_place(event):
        return False
    own = [*event.values, *(value for _, value in event.words)]
    match event.values:
        case (Mapping(items=entries), *_) if _OF_ONE & set(words[:1]):
            own += entries.values()  # `update_one({"_id": key, "owner": user}, …)`
        case _:
            pass
    return any("principal" in one.labels and "message" not in one.labels for one in own)


def _is_put_in_a_place(event: Event) -> bool:
    """`Message.objects.create(room_id=message["room"], user=user)`: who writes there is asked."""
    return any(
        "client" in labels_of(value) and bool(SHARED & set(lexicon.words_of(name)))
        for name, value in event.words
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    nodes: frozenset[int]
    answers: frozenset[str]


class Asking:
    """What is asked on the ways of a client that is let in, and before what."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._paths = endpoint.member.paths
        self._complete = endpoint.member.complete
        self._events = endpoint.member.events
        self._themselves = Themselves(endpoint)
        self._answers: dict[int, bool] = {}
        questions = [event for event in self._events if self._asks(event)]
        self.before_accept = any(
            one.stage in {Stage.PREPARE, Stage.GET} and self._may_refuse(one) for one in questions
        )
        self.anything = bool(questions)
        self._asked_of = {
            label for one in questions for label in one.labels if label.startswith("@")
        }
        self._proven = {
            label
            for one in self._events
            if one.kind == "check" and "credential" in one.labels
            for label in one.labels
            if label.startswith("@")
        }
        """Marks of what was found for a client that then proved to be who it said."""
        self._logs_in = any(
            one.kind == "check" and "credential" in one.labels for one in self._events
        )
        self._questions = questions
        self._stops: dict[tuple[int, int], bool] = {}
        self._done: dict[int, set[_Way]] = {}

    def _asks(self, event: Event) -> bool:
        """Whether it is asked what the client may, and not who it is or if it is here already."""
        # INVARIANT: the ways hold the events, or another would have the id of one.
        known = self._answers.get(id(event))
        if known is None:
            known = asks(event) and not self._themselves.asked(event)
            self._answers[id(event)] = known
        return known

    def _may_refuse(self, question: Event) -> bool:
        """Whether anybody is refused for the answer: `if not profile: return` in `prepare()` refuses none."""
        if question.kind == "call" or question.text.startswith("@") or _may_raise(question):
            return True
        return any(
            path.outcome == "refused" and any(one.node is question.node for one in path.events)
            for path in self._paths
        )

    def leaves_open(self, doing: Event) -> bool:
        """Whether it is done on some way on which no question that matters came before."""
        if self._belongs_to_login(doing):
            return False
        if not self.anything and not self._logs_in:
            return True
        if self.before_accept or mark_at(doing.node) in self._asked_of:
            return False  # what is found is asked about before anything is done with it
        wanted = id(doing.node)
        beside = self._beside(doing)
        for path in self._paths:
            if self._is_switched_off(path, wanted):
                continue
            asked = False
            marks: set[str] = set()
            proven = _proven_later(path, doing)
            for at, event in enumerate(path.events):
                if self._asks(event):
                    marks |= {label for label in event.labels if label.startswith("@")}
                asked = asked or (
                    self._asks(event)
                    and id(event.node) not in beside.nodes
                    and not event.labels & beside.answers
                    and self._matters(event, doing)
                )
                done = id(event.node) == wanted and event.kind in DOING
                # What was found was asked about when an earlier message had the connection keep it.
                kept = done and bool(event.labels & marks) and _is_held(event.node)
                if done and not (asked or kept) and at not in proven:
                    return True
        return False

    def _is_switched_off(self, path: Path, wanted: int) -> bool:
        """Whether a setting that has to do with who is let in keeps it from asking: it is told elsewhere."""
        if not any(map(lexicon.concerns_identity, path.assumptions)):
            return False
        if self._asks_before(path, wanted):
            return False
        asked_with = {
            (one.name, one.value)
            for other in self._paths
            if self._asks_before(other, wanted)
            for one in other.assumptions.values()
        }
        return any(
            lexicon.concerns_identity(one.name)
            and (one.name, not one.value) in asked_with
            and (one.name, one.value) not in asked_with
            for one in path.assumptions.values()
        )

    def _asks_before(self, path: Path, wanted: int) -> bool:
        """Whether anything is asked before the deed, or without it."""
        for event in path.events:
            if id(event.node) == wanted and event.kind in DOING:
                return False
            if self._asks(event):
                return True
        return False

    def _beside(self, doing: Event) -> _Beside:
        """Questions that are about something else, and what is known of their answers."""
        about: dict[int, bool] = {}
        nodes: dict[int, ast.AST] = {}
        for one in self._questions:
            if one.kind == "call" or len(one.values) == 2:
                key = id(one.node)
                nodes[key] = one.node
                about[key] = about.get(key, False) or is_about(one, doing)
        off = {key for key, related in about.items() if not related}
        return _Beside(frozenset(off), frozenset(mark_at(nodes[key]) for key in off))

    def asked_before(self, doing: Event) -> bool:
        """Whether a question that matters comes before it on every way."""
        if self._belongs_to_login(doing):
            return True
        done = any(id(one.node) == id(doing.node) for one in self._events)
        return (self.anything or self._logs_in) and done and not self.leaves_open(doing)

    def _belongs_to_login(self, doing: Event) -> bool:
        """Whether it looks up whose password is then compared, or is done with what was found so."""
        if mark_at(doing.node) in self._proven:
            return True
        said = chosen_in(doing)
        return bool(said) and all(one.labels & self._proven for one in said)

    def acts_after(self, choice: Event, *, kinds: frozenset[str]) -> bool:
        """Whether something of these kinds is done on a way on which the client chose here."""
        for path in self._paths:
            chosen = False
            for event in path.events:
                if chosen and event.kind in kinds:
                    return True
                chosen = chosen or id(event.node) == id(choice.node)
        return False

    @cached_property
    def _turns(self) -> list[tuple[list[Event], frozenset[int], _Way]]:
        """What happens for each message, the places of it, and which kind of message it is."""
        return [
            (turn, frozenset(id(event.node) for event in turn), _way_of(turn))
            for path in self._paths
            for turn in _turns(path)
        ]

    def _ways_of_doing(self, wanted: int) -> set[_Way]:
        """The kinds of messages that have something done."""
        known = self._done.get(wanted)
        if known is None:
            known = self._done[wanted] = {
                _way_of(turn, wanted)
                for turn, places, _ in self._turns
                if wanted in places
                and any(id(event.node) == wanted and event.kind in DOING for event in turn)
            }
        return known

    def _is_kept_from(self, question: int, wanted: int) -> bool:
        """Whether it was left undone after the question, for a message of a kind that has it done."""
        for turn, places, way in self._turns:
            if question not in places:
                continue
            left, refused = _is_left_undone(turn, question, wanted)
            if left and (
                refused or any(_is_one_kind(way, other) for other in self._ways_of_doing(wanted))
            ):
                return True
        return False

    def _matters(self, question: Event, doing: Event) -> bool:
        """Whether the answer can keep it from being done: on some way it is not done after it."""
        wanted = id(doing.node)
        key = (id(question.node), wanted)
        known = self._stops.get(key)
        if known is None:
            known = self._stops[key] = (
                question.text.startswith("@")
                or (_may_raise(question) and not is_swallowed(question, doing))
                or self._is_kept_from(key[0], wanted)
                or not (self._complete or self._is_done_either_way(key[0], wanted))
            )
        return known

    def _is_done_either_way(self, question: int, wanted: int) -> bool:
        """Whether it was seen to be done after each of two answers, where not every way was followed."""
        answers = {
            event.text
            for turn, places, _ in self._turns
            if question in places and wanted in places
            for event in turn
            if event.kind == "branch" and id(event.node) == question
        }
        return {"True", "False"} <= answers


def _is_held(node: ast.AST) -> bool:
    """`self.opened[message["board"]].delete()`: done to what the connection holds, as it stands there."""
    held = node.func if isinstance(node, ast.Call) else node
    if isinstance(held, ast.Attribute) and isinstance(node, ast.Call):
        held = held.value
    while isinstance(held, ast.Subscript):
        held = held.value
    return (
        isinstance(held, ast.Attribute)
        and isinstance(held.value, ast.Name)
        and held.value.id == "self"
    )


def _proven_later(path: Path, doing: Event) -> frozenset[int]:
    """Where it is done under a name that the same message then proves: tries are counted, a row is locked."""
    wanted = id(doing.node)
    names: set[str] = set()
    found: set[int] = set()
    for at in range(len(path.events) - 1, -1, -1):
        event = path.events[at]
        if event.kind == "message":
            names = set()
        elif event.kind == "check" and "credential" in event.labels:
            names |= {one.text for one in chosen_in(event) if "credential" not in one.labels}
        elif id(event.node) == wanted and event.kind in DOING:
            said = {one.text for one in chosen_in(event) if not one.labels & {"answer", "found"}}
            counts = event.kind == "store" or bool(_COUNTS & set(lexicon.words_of(_last_of(event))))
            if counts and said and said <= names:
                found.add(at)
    return frozenset(found)


def _turns(path: Path) -> Iterator[list[Event]]:
    """What happens for each message, the first with what came before it, if it is known how it ended."""
    if path.outcome != "refused" and not path.message_end and path.open_end != "raised":
        return
    begin = 0
    for end in path.handled or [len(path.events)]:
        yield path.events[begin:end]
        begin = end


def _way_of(turn: list[Event], wanted: int = 0) -> _Way:
    """Which kind of message it is: how what the client says had it go, up to where something is done."""
    way: list[tuple[int, str]] = []
    for event in turn:
        if event.kind == "branch" and event.stage == Stage.MESSAGE:
            if "client" in event.labels and not event.labels & _FOUND_OUT:
                way.append((id(event.node), event.text))
        elif id(event.node) == wanted and event.kind in DOING:
            break
    return tuple(way)


def _is_one_kind(way: _Way, other: _Way) -> bool:
    """Whether one goes as the other does, as far as it goes."""
    shorter = min(len(way), len(other))
    return way[:shorter] == other[:shorter]


def _is_left_undone(events: list[Event], question: int, wanted: int) -> tuple[bool, bool]:
    """Whether it was not done after the question, and whether the client was refused then."""
    waiting = False
    for event in events:
        if id(event.node) == question and event.kind != "branch":
            waiting = True
        elif waiting and event.kind in {"close", "finish"}:
            return True, True
        elif waiting and id(event.node) == wanted and event.kind in DOING:
            waiting = False
    return waiting, False


def _may_raise(question: Event) -> bool:
    """A question whose answer nobody looks at is asked for the exception."""
    name = _last_of(question)
    if not isinstance(question.node, ast.Call):
        return False
    places = _places(question.module)
    if id(question.node) in places.statements:
        return True
    if id(question.node) in places.tests:
        return False  # what is looked at is its answer
    if lexicon.is_raising_name(name):
        return True
    if id(question.node) in places.blocks and (
        _is_asked_of(question.text) or _ASKS & set(lexicon.words_of(name))
    ):
        return True
    # What is told the user and finds nothing that is the user's raises, or gives nothing.
    answers = lexicon.is_predicate(name) or _YES & set(lexicon.words_of(name))
    return question.kind == "call" and {"principal", "client"} <= question.labels and not answers


@dataclass(frozen=True, slots=True)
class _Places:
    """Where calls stand: as statements, as what a condition looks at, at the head of a `with`."""

    statements: frozenset[int]
    tests: frozenset[int]
    blocks: frozenset[int]


@lru_cache(maxsize=512)
def _places(module: Module) -> _Places:
    statements: set[int] = set()
    tests: set[int] = set()
    blocks: set[int] = set()
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr():
                statements.add(id(_awaited(node.value)))
            case (
                ast.If(test=test)
                | ast.IfExp(test=test)
                | ast.While(test=test)
                | ast.Assert(test=test)
            ):
                tests.update(id(one) for one in _parts_of(test))
            case ast.withitem():
                blocks.add(id(_awaited(node.context_expr)))
            case _:
                pass
    return _Places(frozenset(statements), frozenset(tests), frozenset(blocks))


def _awaited(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Await) else node


def _parts_of(test: ast.expr) -> Iterator[ast.expr]:
    """What a condition consists of."""
    match test:
        case ast.BoolOp(values=values):
            for one in values:
                yield from _parts_of(one)
        case ast.UnaryOp(operand=inner) | ast.Await(value=inner):
            yield from _parts_of(inner)
        case ast.Compare(left=left, comparators=others):
            for one in (left, *others):
                yield _awaited(one)
        case _:
            yield test
