"""What is a question about what a client may do, and what only sounds like one."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event, Stage
from stormdoor.auditor.interpreter.values import Mapping, is_of_connection, labels_of
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.telling import only_notes, only_skips_itself
from stormdoor.auditor.judging.verbs import BENIGN, CHANGES, KEEPS, SHARED, SPEAKS
from stormdoor.auditor.judging.wording import statement_in
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.stdlib import STDLIB
from stormdoor.auditor.naming.words import words
from stormdoor.auditor.reading.module import Module

__all__ = [
    "FINDS",
    "asks",
    "asks_permission",
    "is_given_the_user",
    "last_of",
    "may_raise",
    "permission_asked",
    "speaks_of_rights",
]

_ASKS = words(
    """
    access acl admin allowed authorise authorised authorization authorize authorized authorizer
    can forbidden grant granted may member owner owns permission permissions permit permitted
    policy privilege rights role roles scope scopes
    """
)
_DOES = words(
    """
    add append broadcast create delete dispatch emit execute hdel hmset hset insert lpush lrem make
    notify post publish push put record register remove rpush sadd save send set setsockopt srem
    store subscribe task unsubscribe update write zadd zrem
    """
)
"""What does something with the user and the object together, and asks nothing."""
_CHANGES = words("create delete insert put remove save set store update write")
"""Of these what changes something that may be the user's own."""
_ON_KEYS = words("hdel hmset hset lpush lrem rpush sadd srem zadd zrem")
"""What changes what is kept under a key, which comes first."""
_OF_ONE = frozenset({"delete", "remove", "replace", "update"})
"""Of these what is told first which rows are meant."""
_LIMITS = frozenset({"requires", "require", "required", "needs", "only", "restricted", "restrict"})
"""Words of a decorator that says who may do something, unless it speaks of a login."""
_LOGINS = words("auth authenticated csrf jwt login session token user xsrf")
_YES = frozenset({"allow", "allows", "allowed", "permits", "permitted", "owns", "contains", "in"})
FINDS = words(
    """
    by count exists fetch filter find first get index load lookup one query search select test
    where
    """
)
_ACCOUNT = words(
    """
    activated active alive confirmed deactivated deleted disabled enabled exists expired has in
    inactive is logged online valid verified
    """
)
"""Words for whether there is such an account."""
_RANKS = words("group groups level rank staff superuser")
"""Words for how much somebody may, beside those of a question."""
_STAGES = frozenset({Stage.PREPARE, Stage.GET, Stage.OPEN, Stage.MESSAGE, Stage.LATER})
_CHECKS = words(
    """
    allow allowed allows are ask assert can check deny enforce ensure fetch find forbid get
    guard has is load lookup may must need needs only permit permits query require required
    requires restrict should test validate verify was
    """
)
"""How the name of a question begins, whatever it is about."""
_HANDLES = frozenset({"cmd", "command", "do", "handle", "on", "process", "run"})
_DEEDS = (CHANGES | KEEPS | SPEAKS | _DOES) - {"access", "contains"}
_DEEDS |= {"ban", "count", "invite", "join", "kick", "leave", "list", "log", "login", "new", "note"}
"""Words by which a name is that of a deed: somebody is made a member, an administrator removes something."""


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
        last = last_of(event)
        words = lexicon.words_of(last)
        if event.kind == "check" and (only_notes(event) or only_skips_itself(event)):
            return False
        if event.text.startswith("access: "):
            return not (_is_account_state(event.text) or _finds_out_who(event))
        if _is_question(words) or _is_asked_of(event.text):
            return True
        if event.text.startswith("@") and _LIMITS & set(words) and not _LOGINS & set(words):
            return True
        if (
            {"principal", "client"} <= event.labels
            and last not in BENIGN
            and not any(map(is_of_connection, event.values))
            and not _is_of_the_language(event.text)
            and not _DOES & set(words[:1])
            and (_is_told_the_user(event) or _finds_or_says(last))
        ):
            return True  # the user and the object together: the callee can tell
    return any(_is_question(lexicon.words_of(name)) for _, _, name in event.stack[-2:])


def _finds_out_who(event: Event) -> bool:
    """Whether it is a part of what finds out who it is, and does not look at what that one may.

    So it is with `token["id"] == row["id"]` of whom the client says that it is, in `verify(name, token)`.
    """
    inside = [name for _, _, name in event.stack]
    said = "client" not in event.labels or "somebody" in event.labels
    return not speaks_of_rights(event.text) and (
        any({"current", "user"} <= set(lexicon.words_of(name)) for name in inside)
        or (said and any(map(lexicon.is_login, inside)))
    )


def speaks_of_rights(text: str) -> bool:
    """Whether a question looks at a role, a right or a rank."""
    return bool((_ASKS | _RANKS) & set(lexicon.words_of(text.removeprefix("access: "))))


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


def last_of(event: Event) -> str:
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


def _is_told_the_user(event: Event) -> bool:
    """Whether the user is among the arguments, and not only whose method it is."""
    given = (*event.values, *(value for _, value in event.words))
    return event.receiver is None or "principal" in labels_of(*given)


def _finds_or_says(name: str) -> bool:
    """`user.rooms.get(...)`, `account.allows(...)`: whose it is, it finds its own, or says if it may."""
    return lexicon.is_predicate(name) or bool((FINDS | _YES) & set(lexicon.words_of(name)))


def _is_of_the_language(text: str) -> bool:
    """Whether a function of this name is Python's own, and knows no user."""
    top = text.partition(".")[0]
    return "." not in text or top in STDLIB


def is_given_the_user(event: Event) -> bool:
    """`store.delete(user, key)`: what changes something is told whose it has to be."""
    words = lexicon.words_of(event.text.rpartition(".")[2])
    if "execute" in words[:1]:
        statement = statement_in(event)
        return "principal" in event.labels and bool(
            re.match(r"\s*insert\b|.*\bwhere\b", statement, re.DOTALL)
        )
    if _ON_KEYS & set(words[:1]):  # `redis.sadd(f"rooms:{user}", message["room"])`
        key = labels_of(*event.values[:1])
        return "principal" in key and "message" not in key
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


def may_raise(question: Event) -> bool:
    """A question whose answer nobody looks at is asked for the exception."""
    name = last_of(question)
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
