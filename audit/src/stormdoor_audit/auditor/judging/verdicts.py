"""Verdict from all ways of a client without a credential."""

from dataclasses import dataclass
from typing import Literal

from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.events import Assumption, Event, Stage
from stormdoor_audit.auditor.judging.listing import lists_by_name
from stormdoor_audit.auditor.judging.making import keeps_nobody_out
from stormdoor_audit.auditor.judging.messages import (
    EFFECTS,
    done_for_itself,
    done_in_spite,
    done_unasked,
    message_checks,
    message_effects,
    only_echoes,
    stops_nothing,
)
from stormdoor_audit.auditor.judging.telling import only_fills_in
from stormdoor_audit.auditor.naming.lexicon import concerns_identity

__all__ = ["ASKS", "LETS_IN", "Authentication", "Kind", "agree", "classified", "is_blind"]

Kind = Literal[
    "guarded",
    "missing",
    "after-accept",
    "frames-pass",
    "skippable",
    "swallowed",
    "ignored",
    "optional",
    "presumed",
    "unreachable",
    "unread",
    "incomplete",
]
"""`frames-pass`: `open` closes, yet messages are acted upon. `skippable`: a message authenticates,
and another does not need it. `presumed`: rests on something that was not read."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """The answer.

    Args:
        kind: What it is.
        event: What it rests on, or what comes too early.
        path: A way that shows it.
        setting: The setting it hangs on, where it is optional.
        certain_default: Whether the source says how the setting is shipped.
        early: Whether data goes out or the connection joins others before it is asked.
        base: The class that was not read.
    """

    kind: Kind
    event: Event | None = None
    path: Path | None = None
    setting: Assumption | None = None
    certain_default: bool = True
    early: Event | None = None
    base: str = ""

    @property
    def lets_in(self) -> bool:
        """Return True if a client without a credential gets the 101 as shipped."""
        late = {"after-accept", "frames-pass", "skippable", "optional"}
        return self.kind in late or self.kind in LETS_IN


ASKS = frozenset({"guarded", "presumed", "after-accept", "frames-pass", "skippable"})
"""Verdicts with a check for a credential, early or late."""
LETS_IN = frozenset({"missing", "ignored", "swallowed"})
_OF_HANDSHAKE = (
    *("get_secure_cookie(", "get_signed_cookie(", "get_current_user(", "self.current_user"),
    "django.contrib.auth.get_user(",
)
"""Prefixes of checks about the client of the handshake."""


def classified(paths: list[Path]) -> Authentication:
    """The answer where these are all the ways that there are."""
    accepted = [path for path in paths if path.outcome == "accepted"]
    if not accepted:
        return _closed_door(paths)
    live = [path for path in accepted if not _neutral(path)] or accepted
    asking = any(message_checks(path) for path in live)
    through_message = [
        path for path in live if message_effects(path, asking=asking) and not _refused_in_open(path)
    ]
    frames = [path for path in live if _refused_in_open(path) and done_for_itself(path)]
    in_open = [path for path in live if _refused_in_open(path)]
    asked = [path for path in live if _asked_by_message(path)]
    early = next((event for path in live for event in _open_effects(path)), None)
    if through_message:
        proving = _proving(live, asked or _verified(live))
        return _through(through_message, proving, in_open, early)
    if frames:
        path = frames[0]
        return Authentication(
            "frames-pass",
            event=_first_check(path, Stage.OPEN),
            path=path,
            early=done_for_itself(path)[0],
        )
    if asked:
        return Authentication(
            "after-accept", event=_first_check(asked[0], Stage.MESSAGE), path=asked[0], early=early
        )
    served = [path for path in live if not _refused_in_open(path)]
    if in_open and (not served or not any(_open_effects(path) for path in served)):
        path = in_open[0]
        return Authentication(
            "after-accept",
            event=_first_check(path, Stage.OPEN),
            path=path,
            early=next((event for one in in_open for event in _open_effects(one)), None),
        )
    listed = _listed_by_name(served)
    if listed is not None:
        return listed
    return _without_stop(served or live)


def _listed_by_name(served: list[Path]) -> Authentication | None:
    """Messages have no effects, and messages for a user go to the connections listed under that user."""
    for path in served:
        for event in path.at(Stage.OPEN):
            if event.kind == "check" and lists_by_name(event):
                early = next(iter(_open_effects(path)), None)
                return Authentication("after-accept", event=event, path=path, early=early)
    return None


def _closed_door(paths: list[Path]) -> Authentication:
    refused = [path for path in paths if path.refused_by is not None]
    if not refused:
        return Authentication("unreachable", path=paths[0] if paths else None)
    sure = [path for path in refused if not is_blind(path)]
    path = (sure or refused)[0]
    event = path.checks[-1] if path.checks else None
    return Authentication("guarded" if sure else "presumed", event=event, path=path)


def is_blind(path: Path) -> bool:
    """Only a name says that something refuses: the code was not read."""
    error = path.refused_by
    return path.presumed and error is not None and (error.presumed or error.name == "?")


def _through(
    through: list[Path], asked: list[Path], in_open: list[Path], early: Event | None
) -> Authentication:
    by_credential = [
        path
        for path in asked
        if _share_a_world(path, through[0])
        and any(
            ("credential" in event.text or not event.presumed)
            and not only_fills_in(event)
            and not keeps_nobody_out(event)
            and not stops_nothing(event, asked)
            for event in message_checks(path)
        )
    ]
    if not by_credential or in_open:
        return _without_stop(through)
    question = _first_check(by_credential[0], Stage.MESSAGE)
    unasked = next((event for path in through for event in done_unasked(path)), None)
    if unasked is not None and any(map(_asks_a_message, by_credential)):
        return Authentication("skippable", event=question, path=through[0], early=unasked)
    in_spite = next((event for path in through for event in done_in_spite(path)), None)
    if unasked is None and in_spite is not None:
        return Authentication("ignored", event=question, path=through[0], early=in_spite)
    # Nothing but the log-in itself works without it; or it is the client of the handshake that is asked for.
    return Authentication("after-accept", event=question, path=by_credential[0], early=early)


def _asks_a_message(path: Path) -> bool:
    """Return True if the message, and not the handshake, carries the credential."""
    return any(not event.text.startswith(_OF_HANDSHAKE) for event in message_checks(path))


def _proving(live: list[Path], asked: list[Path]) -> list[Path]:
    """Ways with a checked message: all, unless only a claimed name is noted."""
    proves = any(
        path.weighed or any(not event.remembered for event in path.checks) for path in live
    )
    return asked if proves or not any(path.claimed for path in live) else []


def _verified(paths: list[Path]) -> list[Path]:
    """Ways on which code reads the credential of a message, with any result.

    The identity of the client of the handshake, which has none, says nothing about the content of a
    message, unless the connection ends for it.
    """
    return [
        path
        for path in paths
        if any(
            not one.presumed
            and (path.message_end != "through" or not one.text.startswith(_OF_HANDSHAKE))
            for one in message_checks(path)
        )
    ]


def _without_stop(paths: list[Path]) -> Authentication:
    """Nothing stops this client; perhaps something was meant to."""
    path = paths[0]
    for one in paths:
        swallowed = next((event for event in one.events if event.kind == "swallowed"), None)
        if swallowed is not None and any(
            event.stage in {Stage.PREPARE, Stage.GET} for event in one.checks
        ):
            return Authentication("swallowed", event=swallowed, path=one)
    for one in paths:
        noted = next((event for event in one.events if event.kind == "noted"), None)
        if noted is not None and any(event.kind == "join" for event in one.events):
            # The holder of the connection now is the one that asks, with each message.
            early = next(iter(_open_effects(one)), None)
            return Authentication("after-accept", event=noted, path=one, early=early)
    for one in paths:
        ignored = next((event for event in one.events if event.kind == "ignored"), None)
        if ignored is not None:
            return Authentication("ignored", event=ignored, path=one)
    for one in paths:
        # No code reads its result, and its source could not be read: it may well raise.
        may = _may_refuse(one)
        if may is not None and not any(_is_way_around(other, one) for other in paths):
            return Authentication("presumed", event=may, path=one)
    return Authentication("missing", event=path.checks[0] if path.checks else None, path=path)


def _may_refuse(path: Path) -> Event | None:
    """Return an unread call that may well have refused this client before the 101."""
    if path.checks:
        return None
    early = (event for event in path.events if event.stage in {Stage.PREPARE, Stage.GET})
    return next((event for event in early if event.kind == "may-refuse"), None)


def _is_way_around(path: Path, asked: Path) -> bool:
    """Return True if the same program admits a client without a check: it shows nothing to check."""
    return _may_refuse(path) is None and agree(path, asked)


# one path -----------------------------------------------------------------------------------


def _neutral(path: Path) -> bool:
    """It ended in `open` for a reason unrelated to identity, for any check of a message."""
    return path.open_end in {"raised", "closed"} and all(
        event.stage == Stage.MESSAGE for event in path.checks
    )


def _refused_in_open(path: Path) -> bool:
    checks = [event for event in path.events if event.kind == "check" and event.stage == Stage.OPEN]
    if not checks:
        return False
    if path.open_end in {"raised", "closed"}:
        return True
    if message_checks(path):
        return False  # what was found out in `open` is asked with each message
    # It went back without closing. That is a refusal if nothing is done for this client afterwards, and
    # no other code, which could send it messages, received the connection before.
    before = path.events[: path.events.index(checks[0])]
    if any(event.kind == "join" and event.stage == Stage.OPEN for event in before):
        return False
    return not _after(path, checks[0], Stage.OPEN) and not message_effects(path)


def _after(path: Path, check: Event, stage: Stage) -> list[Event]:
    at = path.events.index(check)
    return [
        event
        for event in path.events[at + 1 :]
        if event.stage == stage and event.kind in EFFECTS
        if not event.constant and not only_echoes(event)
    ]


def _open_effects(path: Path) -> list[Event]:
    """Return the events in `open` before this client is refused there, if it is."""
    effects: list[Event] = []
    for event in path.events:
        if event.stage != Stage.OPEN:
            continue
        if event.kind == "check" and path.open_end in {"raised", "closed"}:
            break
        if event.kind in {"send", "join"} and not event.constant:
            effects.append(event)
    return effects


def _asked_by_message(path: Path) -> bool:
    return bool(message_checks(path)) and not message_effects(path, asking=True)


def _first_check(path: Path, stage: Stage) -> Event | None:
    return next(
        (event for event in path.events if event.kind == "check" and event.stage == stage), None
    )


def _share_a_world(path: Path, other: Path) -> bool:
    """Return True if one configuration has both; the program's data may change at any time."""
    return all(
        path.assumptions[name].value == one.value
        for name, one in other.assumptions.items()
        if name in path.assumptions and (one.default is not None or concerns_identity(name))
    )


def agree(path: Path, other: Path) -> bool:
    """Return True if no setting has different values on both ways."""
    return all(
        path.assumptions[name].value == one.value
        for name, one in other.assumptions.items()
        if name in path.assumptions
    )
