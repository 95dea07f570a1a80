"""Effects of an unauthenticated client's messages, and the checks on them."""

from collections.abc import Iterable

from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.events import Event, Stage
from stormdoor_audit.auditor.interpreter.pieces import selects
from stormdoor_audit.auditor.interpreter.values import Const
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.words import words

__all__ = [
    "EFFECTS",
    "done_for_itself",
    "done_in_spite",
    "done_unasked",
    "message_checks",
    "message_effects",
    "only_echoes",
    "stops_nothing",
]

EFFECTS = frozenset({"send", "join", "act", "store", "dispatch"})
"""Kinds of events that a client brings about."""

_BEYOND = frozenset({"subprocess", "os", "shutil", "socket", "pty", "open", "eval", "exec"})
_BODIES = frozenset({"body", "data", "json"})
"""Words by which a request to another server carries something."""
_TELLING = frozenset({"send", "emit", "reply", "respond", "answer", "write"})
_TO_ITSELF = frozenset({"send", "write_message"})
"""Records of the handler's own methods that send to its client."""
_CUTS = words(
    "self.session.close self.stream.close self.ws_connection.abort self.ws_connection.close"
)
_ITS_OWN = words("client cookie credential header identity message query somebody url")
"""Labels of what a client has said itself."""
_READING = words(
    """
    cursor decode deserialize fetch fetchall fetchmany fetchone fetchrow fetchval filter find
    first from get hget hgetall hmget json load loads lookup match mget objects one parse query
    read reduce scalar schema search select smembers split unpack unpackb validate where
    """
)


def message_checks(path: Path) -> list[Event]:
    """Return the checks of a message for a credential that this client does not have."""
    return [
        event for event in path.events if event.kind == "check" and event.stage == Stage.MESSAGE
    ]


def stops_nothing(question: Event, paths: Iterable[Path]) -> bool:
    """Return True if a check comes after the message's effect, and more effects follow it."""
    return any(
        one.node is question.node
        and any(_is_done(before, one) for before in turn[:at])
        and any(_goes_on(after) for after in turn[at + 1 :])
        for path in paths
        for turn in _turns(path)
        for at, one in enumerate(turn)
        if one.kind == "check"
    )


def _is_done(event: Event, question: Event) -> bool:
    """Return True if it is an effect of the message, and not a preparation of the check."""
    return (
        event.kind == "act"
        and "message" in event.labels
        and not _is_plumbing(event, question)
        and not _is_reading(event, refused=False)
        and not _gives_the_answer(event, question)
    )


def _goes_on(event: Event) -> bool:
    return event.kind in {"act", "join"} and not event.handling and not _tells(event)


def _turns(path: Path) -> list[list[Event]]:
    """The events of each message, without those of the handshake."""
    return [
        [event for event in turn if event.stage == Stage.MESSAGE and event.kind != "message"]
        for turn in path.turns()
    ]


def message_effects(path: Path, *, asking: bool = False) -> list[Event]:
    """Return the effects of this client's messages.

    Args:
        path: The way.
        asking: Some message is asked for a credential: one without it that is answered, and no more,
            was refused.
    """
    turns = _turns(path)
    cut = path.message_end in {"closed", "raised"}
    alone = not any(event.kind == "join" for event in path.events)
    found: list[Event] = []
    for turn in turns:
        done = _of_turn(turn, ended=cut and turn is turns[-1], asking=asking)
        found += [one for one in done if not (asking and alone and only_echoes(one))]
    return found


def done_unasked(path: Path) -> list[Event]:
    """Return the effects of messages before the first check for a credential.

    That the client is told what it said itself, that it is cut off, and that it is noted when it was
    heard gives it nothing.
    """
    asked = next(
        (one for one in message_checks(path) if not (one.presumed or one.remembered)), None
    )
    end = path.events.index(asked) if asked is not None else len(path.events)
    before = {id(event) for event in path.events[:end]}
    return [
        event
        for event in done_for_itself(path)
        if id(event) in before
        and not (only_echoes(event) and event.text in _TO_ITSELF)
        and not (event.kind == "act" and event.text in _CUTS)
        and not _sets_up(event)
    ]


def done_in_spite(path: Path) -> list[Event]:
    """Return the effects of later messages, which are not checked after an invalid credential."""
    asked = {
        id(event) for event in message_checks(path) if not event.presumed and not event.remembered
    }
    done = {id(event) for event in done_for_itself(path) if event.kind == "act"}
    turns = _turns(path)
    at = next((at for at, turn in enumerate(turns) if any(id(one) in asked for one in turn)), None)
    return [
        event
        for turn in (turns[at + 1 :] if at is not None else ())
        if not any(one.kind == "check" for one in turn)
        for event in turn
        if id(event) in done
    ]


def done_for_itself(path: Path) -> list[Event]:
    """Return the effects of messages, except of a log-in, and of parsing."""
    heard = next((event for event in path.events if event.kind == "message"), None)
    return [
        event
        for event in message_effects(path)
        if not event.text.startswith("None.")  # nothing is done with nothing
        and not _is_for_the_login(event)
        and not _is_error(event)
        and not _is_reading(event, refused=False)
        and not (heard is not None and len(event.stack) > 1 and _is_plumbing(event, heard))
    ]


def _is_for_the_login(event: Event) -> bool:
    """Return True if it is part of a message that logs in, or out: `on_auth()`, `_login()`."""
    return any(
        bool({"logoff", "logout", "signout"} & set(lexicon.words_of(name)))
        or (lexicon.is_login(name) and not lexicon.is_predicate(name))
        for _, _, name in event.stack
    )


def _is_error(event: Event) -> bool:
    """An exception is made, to be raised: `ValidationError("not yet")`."""
    return event.kind == "act" and _name(event).endswith(("Error", "Exception"))


def _of_turn(turn: list[Event], *, ended: bool, asking: bool) -> list[Event]:
    done = [
        (at, event)
        for at, event in enumerate(turn)
        if event.kind in EFFECTS and not event.constant and not _is_own(event)
    ]
    asked = max((at for at, event in enumerate(turn) if event.kind == "check"), default=None)
    if asked is None:
        absent = _first(turn, "absent") if asking else None
        cut = ended or any(event.kind == "close" for event in turn)
        # It was read, and nothing came of it but an answer that says why.
        in_vain = all(
            _finds(event) or _says_why(event, failed=True) or _sets_up(event) for _, event in done
        )
        refused = asking and (cut or in_vain)
        return [
            event
            for at, event in done
            if not (
                refused and (_finds(event) or _says_why(event, failed=not cut) or _sets_up(event))
            )
            and (
                absent is None
                or not (_is_plumbing(event, turn[absent]) or (at > absent and _tells(event)))
            )
        ]
    after = [
        event
        for at, event in done
        if at > asked and not (ended or _tells(event) or _is_reply_to_failure(event))
    ]
    before = [event for at, event in done if at < asked]
    if ended or not after:
        # What it takes to read the credential from the message is no effect of it.
        before = [
            one
            for one in before
            if not (
                _is_plumbing(one, turn[asked])
                or _is_reading(one, refused=ended and not turn[asked].remembered)
                or _gives_the_answer(one, turn[asked])
            )
        ]
    return before + after


def _first(turn: list[Event], kind: str) -> int | None:
    return next((at for at, event in enumerate(turn) if event.kind == kind), None)


def _is_reply_to_failure(event: Event) -> bool:
    """It belongs to what is done about an exception that followed the question: a reply is made of it."""
    return event.handling and event.kind == "act" and not _is_grave(event)


def _is_plumbing(event: Event, question: Event) -> bool:
    """Nothing that the client sent is in it, and it stands in another file or only makes an object."""
    made = _name(event)[:1].isupper()
    return (
        event.kind in ({"act", "store", "join"} if made else {"act", "store"})
        and not event.labels & {"client", "message"}
        and (made or event.module is not question.module)
    )


def _gives_the_answer(event: Event, question: Event) -> bool:
    """Its result is what the question looks at: `keys = server.keys()` before `if not keys`."""
    return event.kind == "act" and question.text.startswith(f"{event.text}(")


def _is_reading(event: Event, *, refused: bool) -> bool:
    if event.kind not in {"act", "store"} or _is_grave(event) or _BODIES & dict(event.words).keys():
        return False
    return refused or bool(set(lexicon.words_of(_name(event))) & _READING) or _selects(event)


def _selects(event: Event) -> bool:
    """`cursor.execute("select … where name = ?")`: a query that only reads."""
    query = event.values[0] if event.values else None
    return isinstance(query, Const) and selects(query.value)


def _finds(event: Event) -> bool:
    """It looks for who the message names; where there is no such one, the password is not asked for."""
    return event.kind == "act" and (
        _is_reading(event, refused=False) or lexicon.is_predicate(_name(event))
    )


def _says_why(event: Event, *, failed: bool) -> bool:
    """It tells the client what was wrong with its message, and nothing that the server holds.

    Args:
        event: What is done.
        failed: It must be an exception that is told.
    """
    told = event.labels - {"client", "message"}
    if "exception" in told:
        return _tells(event) and told <= {"exception", "secret"}  # its `code` is no secret
    return _tells(event) and not failed and not told


def _sets_up(event: Event) -> bool:
    """It sets something on an object that was not read, and nothing of the client: `db.row_factory = Row`."""
    return event.kind == "store" and not event.labels & {"client", "message", "self"}


def only_echoes(event: Event) -> bool:
    """A connection of one client gets its own data back: `{"id": request["id"], "ok": True}`.

    What is drawn for it, such as a challenge, is nothing that the server holds.
    """
    return event.kind == "send" and event.labels <= _ITS_OWN | {"drawn"}


def _is_grave(event: Event) -> bool:
    """It reaches beyond the program: a process, a file, code."""
    return event.text.partition("(")[0].partition(".")[0] in _BEYOND


def _is_own(event: Event) -> bool:
    """It changes the message itself, which is the client's own."""
    return (
        event.kind == "store" and event.receiver is not None and "message" in event.receiver.labels
    )


def _tells(event: Event) -> bool:
    """It says something to clients, and does nothing else."""
    if event.kind != "act":
        return event.kind == "send"
    first = next(iter(lexicon.words_of(_name(event))), "")
    return first in _TELLING or (first == "put" and not event.labels & {"client", "message"})


def _name(event: Event) -> str:
    return (lexicon.chain_of(event.text) or [""])[-1]
