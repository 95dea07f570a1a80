"""From the ways a connection can go to the answer: does anybody have to say who they are?"""

from dataclasses import dataclass
from typing import Literal

from stormdoor.auditor.classes.knowledge import Knowledge
from stormdoor.auditor.connection.pathway import Path, Pathway
from stormdoor.auditor.interpreter.events import Assumption, Event, Stage
from stormdoor.auditor.judging.messages import (
    EFFECTS,
    message_checks,
    message_effects,
    stops_nothing,
)
from stormdoor.auditor.judging.telling import only_fills_in
from stormdoor.auditor.naming.lexicon import (
    concerns_identity,
    is_authenticator,
    is_credential_name,
    is_negative,
    is_verification_name,
    turns_off,
    words_of,
)

__all__ = ["Authentication", "Kind", "judge", "optional_part"]

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
        """Whether a client without a credential gets the 101 as shipped."""
        return self.kind in {
            "missing",
            "after-accept",
            "frames-pass",
            "skippable",
            "swallowed",
            "ignored",
            "optional",
        }


def judge(pathway: Pathway, knowledge: Knowledge | None = None) -> Authentication:
    """The answer for an endpoint, from all ways of a client without a credential.

    Args:
        pathway: The ways.
        knowledge: What is known of bases that were not read.
    """
    shipped = [path for path in pathway.paths if _as_shipped(path)]
    used = _in_use(shipped, pathway.paths)
    answer = _classified(used)
    if answer.kind in {"guarded", "presumed"}:
        return answer
    if answer.kind == "unreachable":
        return answer if pathway.complete else Authentication("incomplete")
    optional = _optional(pathway.paths) if used is shipped else None
    if optional is not None and optional.certain_default:
        return optional
    unread = _unread(pathway, knowledge)
    if unread is not None and unread[1] == "guarded":
        return Authentication("presumed", base=unread[0], event=answer.event, path=answer.path)
    if answer.kind in {"after-accept", "frames-pass", "skippable"}:
        return answer
    if optional is not None:
        return optional
    if unread is not None:
        return Authentication("unread", base=unread[0], event=answer.event, path=answer.path)
    return answer


def _unread(pathway: Pathway, knowledge: Knowledge | None) -> tuple[str, str] | None:
    """A base that was not read and may refuse before the 101, with what is known of it."""
    for name in ("prepare", "get", "get_current_user", "current_user", "open"):
        base = pathway.uncertain.get(name)
        if base is None:
            continue
        known = knowledge.about(base) if knowledge is not None else None
        if known is None:
            return base, "unknown"
        if known.authentication != "missing":
            return base, known.authentication
    return None


def _as_shipped(path: Path) -> bool:
    return all(one.default is None or one.default == one.value for one in path.assumptions.values())


def _in_use(shipped: list[Path], paths: list[Path]) -> list[Path]:
    """The ways of this client as shipped, or where what it wants is switched on.

    Where nothing but a failure comes of the connection as shipped, it is what comes of it otherwise that
    counts: `if not options.use_robots: return` says nothing about who is let in.
    """
    accepted = [path for path in shipped if path.outcome == "accepted"]
    fails = any(path.message_end == "raised" for path in accepted)
    broken = bool(accepted) and all(_is_broken(path) for path in accepted)
    if not accepted and not any(path.refused_by for path in shipped):
        return _asked_otherwise(shipped, paths)
    if not (broken or (fails and all(_is_idle(path) for path in accepted))):
        return shipped
    for name in accepted[0].assumptions:
        switched = _with_another(name, paths)
        if any(
            path.outcome == "accepted" and (_asks_in_use(path) if broken else not _is_idle(path))
            for path in switched
        ):
            return switched
    return shipped


def _asks_in_use(path: Path) -> bool:
    """Whether messages are asked, or `open` refuses this client for what it is not."""
    return bool(message_checks(path)) or (bool(path.checks) and path.open_end != "through")


def _with_another(name: str, paths: list[Path]) -> list[Path]:
    """The ways on which this setting alone is another than its default."""
    return [
        path
        for path in paths
        if [one.name for one in path.assumptions.values() if one.default is not one.value] == [name]
    ]


def _asked_otherwise(shipped: list[Path], paths: list[Path]) -> list[Path]:
    """Where everybody is refused as shipped, for want of a key, say: what comes of it once that is set."""
    for name in dict.fromkeys(name for path in shipped for name in path.assumptions):
        switched = _with_another(name, paths)
        if switched and _classified(switched).kind in _ASKS:
            return switched
    return shipped


def _is_broken(path: Path) -> bool:
    """Whether everybody fails for want of a setting: the program is not used as shipped.

    Each message breaks on it, or `open` turns everybody away and has asked nobody anything.
    """
    if path.checks:
        return False
    if path.open_end in {"closed", "raised"}:
        return True
    return path.message_end == "raised" and not message_effects(path)


def _is_idle(path: Path) -> bool:
    """Whether nothing is asked, and nothing done for the client; it may be greeted."""
    done = any(
        event.kind == "join"
        or (event.kind in EFFECTS and event.stage == Stage.MESSAGE and not event.constant)
        for event in path.events
    )
    return not path.checks and not done


_PEOPLE = frozenset({"account", "member", "principal", "user", "userid", "username", "viewer"})
_ASKS = frozenset({"guarded", "presumed", "after-accept", "frames-pass", "skippable"})
_LETS_IN = frozenset({"missing", "ignored", "swallowed"})
_OF_HANDSHAKE = (
    *("get_secure_cookie(", "get_signed_cookie(", "get_current_user(", "self.current_user"),
    "django.contrib.auth.get_user(",
)
"""How questions begin that are about who the client of the handshake is."""


def _optional(paths: list[Path]) -> Authentication | None:
    """Whether a setting decides if anybody is asked at all, and as shipped, or perhaps, nobody is."""
    uncertain: Authentication | None = None
    shipped = _asked_as_shipped(paths)
    tried: set[tuple[tuple[str, bool], ...]] = set()
    for asking in paths:
        unlike = [one for one in asking.assumptions.values() if one.default is not one.value]
        alone = len(unlike) == 1 and _asks_more(asking, shipped)
        flipped = [
            one for one in unlike if _decides(one, asking) or (alone and one.default is not None)
        ]
        key = tuple(sorted((one.name, one.value) for one in asking.assumptions.values()))
        if not flipped or not asking.checks or key in tried:
            continue
        tried.add(key)
        asked = _classified([path for path in paths if _agree(path, asking)]).kind
        some = asked not in _ASKS
        if some and (asking.refused_by is None or _blind(asking)):
            continue
        if some:  # others get by, for what nobody can read here: the setting must be sure
            flipped = [one for one in flipped if one.default is not None]
        # If all are asked with it, those that get by without are let in, whatever a message may prove.
        lets_in = _LETS_IN if asked == "skippable" else _LETS_IN | {"skippable"}
        for decisive in sorted(flipped, key=_doubt):
            off = [
                path
                for path in paths
                if _as_shipped(path)
                and decisive.name in path.assumptions
                and path.assumptions[decisive.name].value != decisive.value
            ]
            if not off or _classified(off).kind not in lets_in:
                continue
            accepted = next((path for path in off if path.outcome == "accepted"), None)
            answer = Authentication(
                "optional",
                event=asking.checks[-1],
                path=accepted,
                setting=decisive,
                certain_default=decisive.default is not None,
            )
            if answer.certain_default:
                return answer
            uncertain = uncertain or answer
    return uncertain


def optional_part(pathway: Pathway) -> Authentication | None:
    """A check that a setting switches on, beside those that come too late anyway.

    Where not every way was followed it must be the first that is met: what comes before it is known.
    """
    used = _in_use([path for path in pathway.paths if _as_shipped(path)], pathway.paths)
    shipped = frozenset(id(event.node) for path in used for event in path.checks)
    for asking in pathway.paths:
        flipped = [
            one
            for one in asking.assumptions.values()
            if one.default is not None
            and one.default is not one.value
            and concerns_identity(one.name)
            and not (one.name.isidentifier() and _is_of_client(one.name))
            and (one.value or is_negative(one.name))
            and not (one.value and turns_off(one.name))
        ]
        further = [event for event in asking.checks if id(event.node) not in shipped]
        if not pathway.complete and further[:1] != asking.checks[:1]:
            continue
        if asking.outcome == "accepted" and _is_another_way_in(asking, further, shipped):
            continue
        if (
            len(flipped) == 1
            and further
            and _classified([asking]).kind in _ASKS
            and not _asks_itself(flipped[0], pathway.paths)
        ):
            accepted = next(
                (p for p in pathway.paths if _as_shipped(p) and p.outcome == "accepted"), None
            )
            return Authentication("optional", further[-1], accepted, flipped[0])
    return None


def _is_of_client(name: str) -> bool:
    """Whether a default of this name stands for what a client is or shows: `user=None`, `token=""`."""
    return is_credential_name(name) or name.lower() in _PEOPLE


def _is_another_way_in(path: Path, further: list[Event], shipped: frozenset[int]) -> bool:
    """Whether `open` asks as shipped beside it: who fails one may still pass the other."""
    return any(event.stage == Stage.OPEN for event in further) and any(
        id(event.node) in shipped and event.stage == Stage.OPEN for event in path.checks
    )


def _decides(one: Assumption, path: Path) -> bool:
    """Whether the setting has to do with the check: by its name, or they stand side by side."""
    if concerns_identity(one.name):
        return True
    if one.default is None:
        return False
    return any(
        event.module is one.module
        and abs(getattr(event.node, "lineno", 0) - getattr(one.node, "lineno", 0)) <= 6
        for event in path.checks
    )


def _asked_as_shipped(paths: list[Path]) -> frozenset[int]:
    """Where something is asked of this client with every setting as it is shipped."""
    return frozenset(id(event.node) for path in paths if _as_shipped(path) for event in path.checks)


def _asks_itself(setting: Assumption, paths: list[Path]) -> bool:
    """Whether what is there as shipped asks, too, where another would be asked."""
    return any(
        setting.node in [site for _, site, _ in event.stack]
        for path in paths
        if _as_shipped(path)
        for event in path.checks
    )


def _asks_more(path: Path, shipped: frozenset[int]) -> bool:
    """Whether something is asked on this way that nobody is asked as shipped, by more than its name."""
    return any(not event.presumed and id(event.node) not in shipped for event in path.checks)


def _doubt(one: Assumption) -> tuple[bool, bool]:
    """The setting that says most first: its default is known, it is what authenticates."""
    telling = is_authenticator(one.name) or is_verification_name(one.name)
    return one.default is None, not telling


def _agree(path: Path, other: Path) -> bool:
    return all(
        path.assumptions[name].value == one.value
        for name, one in other.assumptions.items()
        if name in path.assumptions
    )


def _share_a_world(path: Path, other: Path) -> bool:
    """Whether one program, as it is configured, has both; what it finds in its data changes by the hour."""
    return all(
        path.assumptions[name].value == one.value
        for name, one in other.assumptions.items()
        if name in path.assumptions and (one.default is not None or concerns_identity(name))
    )


def _classified(paths: list[Path]) -> Authentication:
    accepted = [path for path in paths if path.outcome == "accepted"]
    if not accepted:
        return _closed_door(paths)
    live = [path for path in accepted if not _neutral(path)] or accepted
    asking = any(message_checks(path) for path in live)
    through_message = [
        path for path in live if message_effects(path, asking=asking) and not _refused_in_open(path)
    ]
    frames = [path for path in live if _refused_in_open(path) and message_effects(path)]
    in_open = [path for path in live if _refused_in_open(path)]
    asked = [path for path in live if _asked_by_message(path)]
    early = next((event for path in live for event in _open_effects(path)), None)
    if through_message:
        return _through(through_message, _proving(live, asked or _verified(live)), in_open)
    if frames:
        path = frames[0]
        return Authentication(
            "frames-pass",
            event=_first_check(path, Stage.OPEN),
            path=path,
            early=message_effects(path)[0],
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
    return _without_stop(served or live)


def _closed_door(paths: list[Path]) -> Authentication:
    refused = [path for path in paths if path.refused_by is not None]
    if not refused:
        return Authentication("unreachable", path=paths[0] if paths else None)
    sure = [path for path in refused if not _blind(path)]
    path = (sure or refused)[0]
    event = path.checks[-1] if path.checks else None
    return Authentication("guarded" if sure else "presumed", event=event, path=path)


def _blind(path: Path) -> bool:
    """Only a name says that something refuses: the code was not read."""
    error = path.refused_by
    return path.presumed and error is not None and (error.presumed or error.name == "?")


def _through(through: list[Path], asked: list[Path], in_open: list[Path]) -> Authentication:
    by_credential = [
        path
        for path in asked
        if _share_a_world(path, through[0])
        and any(
            ("credential" in event.text or not event.presumed)
            and not only_fills_in(event)
            and not stops_nothing(event, asked)
            for event in message_checks(path)
        )
    ]
    effects = [event for path in through for event in message_effects(path)]
    effect = next((event for event in effects if not _logs_out(event)), effects[0])
    if by_credential and not in_open:
        return Authentication(
            "skippable",
            event=_first_check(by_credential[0], Stage.MESSAGE),
            path=through[0],
            early=effect,
        )
    return _without_stop(through)


def _logs_out(event: Event) -> bool:
    """Whether it is part of a logout: what is done about a log-in that failed shows little."""
    return any({"logoff", "logout", "signout"} & set(words_of(name)) for _, _, name in event.stack)


def _proving(live: list[Path], asked: list[Path]) -> list[Path]:
    """Of the ways on which a message is asked: all, unless what is noted is only what anybody may say."""
    proves = any(
        path.weighed or any(not event.remembered for event in path.checks) for path in live
    )
    return asked if proves or not any(path.claimed for path in live) else []


def _verified(paths: list[Path]) -> list[Path]:
    """Ways on which a message carries a credential that something looks at, whatever comes of it.

    Who the client of the handshake is, which is nobody, says nothing about what a message carries, unless
    the connection ends for it.
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
            # Whoever has the connection now is the one that asks, with each message.
            early = next(iter(_open_effects(one)), None)
            return Authentication("after-accept", event=noted, path=one, early=early)
    for one in paths:
        ignored = next((event for event in one.events if event.kind == "ignored"), None)
        if ignored is not None:
            return Authentication("ignored", event=ignored, path=one)
    for one in paths:
        # Nobody looks at what it gives, and it could not be read: it may well raise.
        may = _may_refuse(one)
        if may is not None and not any(_is_way_around(other, one) for other in paths):
            return Authentication("presumed", event=may, path=one)
    return Authentication("missing", event=path.checks[0] if path.checks else None, path=path)


def _may_refuse(path: Path) -> Event | None:
    """What was not read, and may well have refused this client before the 101."""
    if path.checks:
        return None
    early = (event for event in path.events if event.stage in {Stage.PREPARE, Stage.GET})
    return next((event for event in early if event.kind == "may-refuse"), None)


def _is_way_around(path: Path, asked: Path) -> bool:
    """Whether the same program lets a client in that is not asked: it shows nothing to be asked about."""
    return _may_refuse(path) is None and _agree(path, asked)


# one path -----------------------------------------------------------------------------------


def _neutral(path: Path) -> bool:
    """It ended in `open` for a reason that has nothing to do with identity, whatever a message is asked."""
    return path.open_end in {"raised", "closed"} and all(
        event.stage == Stage.MESSAGE for event in path.checks
    )


def _refused_in_open(path: Path) -> bool:
    checks = [event for event in path.events if event.kind == "check" and event.stage == Stage.OPEN]
    if not checks:
        return False
    if path.open_end in {"raised", "closed"}:
        return True
    # It went back without closing: a refusal if nothing is done for this client afterwards, and it
    # was not handed to anybody before, who tells it what the others hear.
    before = path.events[: path.events.index(checks[0])]
    if any(event.kind == "join" and event.stage == Stage.OPEN for event in before):
        return False
    return not _after(path, checks[0], Stage.OPEN) and not message_effects(path)


def _after(path: Path, check: Event, stage: Stage) -> list[Event]:
    at = path.events.index(check)
    return [
        event
        for event in path.events[at + 1 :]
        if event.stage == stage and event.kind in EFFECTS and not event.constant
    ]


def _open_effects(path: Path) -> list[Event]:
    """What happens in `open` before this client is refused there, if it is."""
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
    return bool(message_checks(path)) and not message_effects(path)


def _first_check(path: Path, stage: Stage) -> Event | None:
    return next(
        (event for event in path.events if event.kind == "check" and event.stage == stage), None
    )
