"""The index of revocations answers what a walk through the whole feed would."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.principal import Authentication, Principal
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from stormdoor.guard.connection_index import ConnectionIndex
from stormdoor.guard.named_connections import named_by
from stormdoor.guard.registry import Registry
from tests.properties.strategies import ROLES, authentications, revocations

feeds = st.lists(revocations, max_size=8)


skews = st.sampled_from([0.0, 1.0, 2.5])


@given(feeds, authentications, skews)
def test_the_index_agrees_with_the_feed(
    feed: list[Revocation], authentication: Authentication, skew: float
) -> None:
    """A look-up finds exactly what one of the revocations covers."""
    expected = any(one.covers(authentication, skew=skew) for one in feed)
    index = RevocationIndex(feed, clock_skew_seconds=skew)
    assert index.ends(authentication) is expected


@given(feeds, authentications, skews, st.sets(st.integers(0, 7)))
def test_what_is_held_counts_until_it_is_released(
    feed: list[Revocation], authentication: Authentication, skew: float, held: set[int]
) -> None:
    """A held revocation applies until its release, also if several have one name."""
    index = RevocationIndex(clock_skew_seconds=skew)
    held = {number for number, one in enumerate(feed) if number in held and one.until_now}
    feed = [
        replace(one, seq=0, epoch="") if number in held else one for number, one in enumerate(feed)
    ]
    for number, one in enumerate(feed):
        (index.add_unstored if number in held else index.add)(one)
    expected = any(one.covers(authentication, skew=skew) for one in feed)
    assert index.ends(authentication) is expected
    for number in held:
        index.remove_unstored(feed[number])
    rest = [one for number, one in enumerate(feed) if number not in held]
    expected = any(one.covers(authentication, skew=skew) for one in rest)
    assert index.ends(authentication) is expected


@given(feeds, st.data(), authentications)
def test_order_and_repetition_do_not_matter(
    feed: list[Revocation], data: st.DataObject, authentication: Authentication
) -> None:
    """A feed read in another order, or twice, gives the same answers."""
    shuffled = data.draw(st.permutations(feed + feed))
    expected = RevocationIndex(feed).ends(authentication)
    assert RevocationIndex(shuffled).ends(authentication) is expected


@given(feeds, st.integers(0, 10), authentications)
def test_forgetting_sessions_forgets_nothing_else(
    feed: list[Revocation], before: int, authentication: Authentication
) -> None:
    """After forgetting, exactly what was revoked since then, or is no session, is known."""
    index = RevocationIndex(feed)
    index.forget_sessions(before)
    of_sessions = {Target.SESSION, Target.MOVED}
    kept = [one for one in feed if one.at >= before or one.target not in of_sessions]
    assert index.ends(authentication) is any(one.covers(authentication) for one in kept)


@given(feeds, revocations, authentications)
def test_a_revocation_more_never_revives(
    feed: list[Revocation], more: Revocation, authentication: Authentication
) -> None:
    """A further revocation never revives an ended credential."""
    if RevocationIndex(feed).ends(authentication):
        assert RevocationIndex([*feed, more]).ends(authentication)


@dataclass(frozen=True, eq=False)
class Known:
    """The part of a connection by which a revocation finds it."""

    id: str
    authentication: Authentication
    principal: Principal


class Everybody(dict[str, Any]):
    """The part of a registry that finds the connections of a revocation."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())

    def of_principal(self, principal_id: str) -> list[Any]:
        return [one for one in self if one.principal.id == principal_id]

    def _index(self) -> ConnectionIndex[Known]:
        index = ConnectionIndex[Known]()
        for one in self:
            index.add(one)
        return index

    def named(self, name: str) -> list[Any]:
        return self._index().find(name)

    def with_role(self, role: str) -> list[Any]:
        return self._index().with_role(role)


@given(
    st.lists(st.tuples(authentications, st.sets(st.sampled_from(ROLES))), max_size=6),
    revocations,
    st.integers(0, 6),
)
def test_whom_a_revocation_names(
    known: list[tuple[Authentication, set[str]]], revocation: Revocation, number: int
) -> None:
    """The index returns exactly the connections that the revocation covers, by their current roles."""
    everybody = Everybody()
    for id, (authentication, roles) in enumerate(known):
        now = replace(authentication.principal, roles=frozenset(roles))
        everybody[str(id)] = Known(str(id), authentication, now)
    if revocation.target is Target.CONNECTION:
        revocation = replace(revocation, value=str(number))
    expected = [
        one.id
        for one in everybody
        if revocation.names(replace(one.authentication, principal=one.principal), one.id)
    ]
    assert sorted(one.id for one in named_by(revocation, cast("Registry", everybody))) == sorted(
        expected
    )
