"""Settings that turn the authentication on or off."""

from stormdoor_audit.auditor.connection.pathway import Path, Pathway
from stormdoor_audit.auditor.interpreter.events import Assumption, Event, Stage
from stormdoor_audit.auditor.judging.making import keeps_nobody_out
from stormdoor_audit.auditor.judging.shipped import in_use
from stormdoor_audit.auditor.judging.verdicts import (
    ASKS,
    LETS_IN,
    Authentication,
    agree,
    classified,
    is_blind,
)
from stormdoor_audit.auditor.naming.lexicon import (
    concerns_identity,
    is_authenticator,
    is_credential_name,
    is_negative,
    is_verification_name,
    turns_off,
)

__all__ = ["by_a_setting", "optional_part"]

_PEOPLE = frozenset({"account", "member", "principal", "user", "userid", "username", "viewer"})


def by_a_setting(paths: list[Path]) -> Authentication | None:
    """Find a setting that decides on authentication, if it is off as shipped, or perhaps off."""
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
        if not flipped or key in tried or all(map(keeps_nobody_out, asking.checks)):
            continue
        tried.add(key)
        asked = classified([path for path in paths if agree(path, asking)]).kind
        some = asked not in ASKS
        if some and (asking.refused_by is None or is_blind(asking)):
            continue
        if some:  # others get by, for an unreadable reason: the setting must be sure
            flipped = [one for one in flipped if one.default is not None]
        # If all are asked with it, those that get by without are admitted, for any proof in a message.
        lets_in = LETS_IN if asked == "skippable" else LETS_IN | {"skippable"}
        for decisive in sorted(flipped, key=_doubt):
            off = [
                path
                for path in paths
                if path.is_as_shipped
                and decisive.name in path.assumptions
                and path.assumptions[decisive.name].value != decisive.value
            ]
            if not off or classified(off).kind not in lets_in:
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
    used = in_use([path for path in pathway.paths if path.is_as_shipped], pathway.paths)
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
            and classified([asking]).kind in ASKS
            and not _asks_itself(flipped[0], pathway.paths)
        ):
            accepted = next(
                (p for p in pathway.paths if p.is_as_shipped and p.outcome == "accepted"), None
            )
            return Authentication("optional", further[-1], accepted, flipped[0])
    return None


def _is_of_client(name: str) -> bool:
    """Return True if a default of this name stands for a user or a credential: `user=None`, `token=""`."""
    return is_credential_name(name) or name.lower() in _PEOPLE


def _is_another_way_in(path: Path, further: list[Event], shipped: frozenset[int]) -> bool:
    """Return True if `open` also checks as shipped: a client that fails one may pass the other."""
    return any(event.stage == Stage.OPEN for event in further) and any(
        id(event.node) in shipped and event.stage == Stage.OPEN for event in path.checks
    )


def _decides(one: Assumption, path: Path) -> bool:
    """Return True if the setting concerns the check: by its name, or because they stand side by side."""
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
    """Return the checks of this client with every setting as it is shipped."""
    return frozenset(
        id(event.node) for path in paths if path.is_as_shipped for event in path.checks
    )


def _asks_itself(setting: Assumption, paths: list[Path]) -> bool:
    """Return True if the shipped object checks, too, where another would."""
    return any(
        setting.node in [site for _, site, _ in event.stack]
        for path in paths
        if path.is_as_shipped
        for event in path.checks
    )


def _asks_more(path: Path, shipped: frozenset[int]) -> bool:
    """Return True if this way has a check that no shipped way has, by more than its name."""
    return any(not event.presumed and id(event.node) not in shipped for event in path.checks)


def _doubt(one: Assumption) -> tuple[bool, bool]:
    """The setting that says most first: its default is known, it is what authenticates."""
    telling = is_authenticator(one.name) or is_verification_name(one.name)
    return one.default is None, not telling
