"""Conditions on the client's identity that hold for every occurrence of a protected effect."""

from collections.abc import Iterable
from dataclasses import dataclass

from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.interpreter.tables import STORE
from stormdoor_audit.auditor.interpreter.values import FIELD, Labels
from stormdoor_audit.auditor.judging.effects import Effect, fields_in
from stormdoor_audit.auditor.judging.segments import Decision

__all__ = ["Way", "is_open", "is_related"]

_MOST = 14
_STEPS = 20_000
"""Conditions that are told apart, and ways that are looked at; beyond them an effect counts as guarded."""


@dataclass(frozen=True, slots=True)
class Way:
    """Outcomes of the conditions before an effect.

    Args:
        asked: Conditions on the client's identity that have to do with the effect, in order.
        chosen: All others: the client decides them by what it sends, or they are met by its own things.
    """

    asked: tuple[Decision, ...]
    chosen: tuple[Decision, ...]


def is_related(condition: Event, effect: Effect, kinds: Labels, tied: Iterable[Labels]) -> bool:
    """Return True if a condition is about the target of the effect, or about the client's role.

    Args:
        condition: A condition on the client's identity.
        effect: The effect.
        kinds: Fields by which the client says what it wants done, and not to what.
        tied: Fields of objects that were compared with each other on this way.
    """
    asked = fields_in(condition.labels)
    if not asked and f"{STORE}{effect.root}" in condition.labels:
        return False  # it is about one object of the store, for any that the client names
    if not asked or asked <= kinds:
        return True
    if "credential" in condition.labels and "found" not in condition.labels:
        return True
    named = effect.named_by
    for _ in range(2):
        named = named.union(*(one for one in tied if _meet(one, named)))
    return _meet(asked, named)


def _meet(some: Labels, others: Labels) -> bool:
    return any(_is_part(one, two) or _is_part(two, one) for one in some for two in others)


def _is_part(field: str, of: str) -> bool:
    return of in (field, FIELD) or field.startswith(f"{of}.")


def is_open(ways: Iterable[Way]) -> bool:
    """Return True if the client can have the effect for every outcome of the conditions on its identity.

    It can if a way leads to the effect for each answer of each condition on its identity, and if it can send
    all that these ways need.
    """
    known = {(_literals(way.asked), frozenset(_literals(way.chosen))): way for way in ways}
    return _open(tuple(known.values()), {}, {}, [_STEPS])


def _literals(decisions: tuple[Decision, ...]) -> tuple[tuple[object, str], ...]:
    return tuple((one.place, one.outcome) for one in decisions)


def _open(
    ways: tuple[Way, ...], asked: dict[object, str], chosen: dict[object, str], left: list[int]
) -> bool:
    if len(asked) > _MOST:
        return False
    for way in ways:
        left[0] -= 1
        if left[0] < 0:
            return False
        if not (_fits(way.asked, asked) and _fits(way.chosen, chosen)):
            continue
        needs = {**chosen, **dict(_literals(way.chosen))}
        others = dict(asked)
        for one in way.asked:
            if one.place in others:
                continue
            turned = {**others, one.place: _other(one.outcome)}
            if not _open(ways, turned, needs, left):
                break
            others[one.place] = one.outcome
        else:
            return True
    return False


def _fits(decisions: tuple[Decision, ...], known: dict[object, str]) -> bool:
    return all(known.get(one.place, one.outcome) == one.outcome for one in decisions)


def _other(outcome: str) -> str:
    return {"True": "False", "False": "True"}.get(outcome, "another")
