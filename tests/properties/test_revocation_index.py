"""The index of revocations answers what a walk through the whole feed would."""

from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Revocation, RevocationIndex, Target
from tests.properties.strategies import authentications, revocations

feeds = st.lists(revocations, max_size=8)


@given(feeds, authentications)
def test_the_index_agrees_with_the_feed(
    feed: list[Revocation], authentication: Authentication
) -> None:
    """A look-up finds exactly what one of the revocations covers."""
    expected = any(one.covers(authentication) for one in feed)
    assert RevocationIndex(feed).ends(authentication) is expected


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
    """What has ended stays ended, whatever is revoked next."""
    if RevocationIndex(feed).ends(authentication):
        assert RevocationIndex([*feed, more]).ends(authentication)
