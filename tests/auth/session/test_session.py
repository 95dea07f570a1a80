"""Login sessions: proved by a cookie, rotated at each change, over when they are ended."""

import asyncio
from dataclasses import replace

import pytest

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.session.authenticator import SessionAuthenticator
from stormdoor.auth.session.cookie import CookieSpec
from stormdoor.auth.session.service import IssuedSession, SessionService
from stormdoor.core.credential import Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Revocation, Target
from stormdoor.core.session import TOUCH_SECONDS
from stormdoor.errors import ConfigurationError, StoreInDoubt, StoreUnavailable
from stormdoor.ports import Changed, StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.support.people import ALICE, HANDSHAKE, cookie, populated


class Room:
    """A store with people in it, a clock and a service."""

    def __init__(self, store: MemoryStore, **options: float) -> None:
        self.clock = FakeClock()
        self.store = store
        self.service = SessionService(StoredState.of(store), self.clock, **options)  # type: ignore[arg-type]
        self.authenticator = SessionAuthenticator()

    async def show(self, secret: str) -> Authentication | Rejected:
        """Come to the door with the cookie."""
        return await self.authenticator.authenticate(
            cookie(secret), HANDSHAKE, state=StoredState.of(self.store), now=self.clock.now()
        )

    async def ended(self) -> list[tuple[Target, str, str]]:
        """Return the entries of the feed of revocations."""
        return [(r.target, r.value, r.reason) for r in await self.store.revocations()]


async def room(**options: float) -> Room:
    """A store without sessions."""
    return Room(await populated(), **options)


async def test_a_session_vouches_for_its_principal() -> None:
    """The authentication is made from the session and its account."""
    here = await room()
    issued = await here.service.create("alice", strength=2)
    now = here.clock.now()
    here.clock.advance(10)
    assert await here.show(issued.secret) == Authentication(
        ALICE.principal,
        "session",
        credential_id=issued.session.id,
        ambient=True,
        authenticated_at=now,
        issued_at=now,
        expires_at=now + 43_200,
        idle_seconds=1800.0,
        strength=2,
        session_id=issued.session.id,
        live=True,
        position=await here.store.log_position(),
    )


async def test_only_the_hash_is_stored() -> None:
    """The cookie's secret is 256 random bits, and the store cannot give it back."""
    here = await room()
    one, other = await here.service.create("alice"), await here.service.create("alice")
    assert one.secret != other.secret
    assert len(one.secret) == 43
    assert one.session.id == fingerprint(one.secret)
    assert one.secret not in repr(one) + repr(await here.store.sessions("alice"))


async def test_facts_for_the_owner_are_kept() -> None:
    """The list of sessions tells its owner where each began; a long user agent is cut."""
    here = await room()
    await here.service.create("alice", address="192.0.2.9", user_agent="x" * 1000)
    (session,) = await here.service.sessions("alice")
    assert (session.address, session.user_agent) == ("192.0.2.9", "x" * 256)


@pytest.mark.parametrize("secret", ["", "x" * 42, "x" * 43, "x" * 44, "\ud800" * 43, "x" * 10**6])
async def test_an_unknown_cookie_is_refused(secret: str) -> None:
    """An invented secret finds no session."""
    here = await room()
    await here.service.create("alice")
    outcome = await here.show(secret)
    assert isinstance(outcome, Rejected)
    assert outcome.denial is Denial.BAD_CREDENTIAL
    assert await here.service.find(secret) is None


async def test_the_public_id_is_no_credential() -> None:
    """The public id of a session in the store or a log is no credential."""
    here = await room()
    issued = await here.service.create("alice")
    assert isinstance(await here.show(issued.session.id), Rejected)
    assert isinstance(await here.show(issued.session.id[:43]), Rejected)


@pytest.mark.parametrize(
    ("step", "steps", "alive"),
    [(1799, 1, True), (1800, 1, False), (1700, 25, True), (1700, 26, False)],
)
async def test_idle_and_absolute_timeout(step: float, steps: int, alive: bool) -> None:
    """Unused for half an hour, or twelve hours old: it is over (EXPIRED), use or no use."""
    here = await room()
    issued = await here.service.create("alice")
    for _ in range(steps - 1):
        here.clock.advance(step)
        assert isinstance(await here.show(issued.secret), Authentication)
    here.clock.advance(step)
    outcome = await here.show(issued.secret)
    if alive:
        assert isinstance(outcome, Authentication)
    else:
        assert outcome == Rejected(Denial.EXPIRED, "the session has timed out", "alice")
        assert await here.service.find(issued.secret) is None
        assert await here.service.sessions("alice") == []


async def test_a_clock_set_back_ends_the_session() -> None:
    """A wall clock before the session's beginning makes it void."""
    here = await room()
    issued = await here.service.create("alice")
    here.clock.set_wall(here.clock.now() - 3600)
    outcome = await here.show(issued.secret)
    assert isinstance(outcome, Rejected)
    assert outcome.denial is Denial.EXPIRED


async def test_a_disabled_principal_is_refused() -> None:
    """The session lives, its principal may not."""
    here = await room()
    issued = await here.service.create("alice")
    await here.store.set_disabled("alice", True)
    assert await here.show(issued.secret) == Rejected(
        Denial.BAD_CREDENTIAL, "the principal is disabled", "alice"
    )
    assert await here.service.find(issued.secret) is None


@pytest.mark.parametrize(
    ("idle", "pauses", "written"),
    [
        (1800.0, [1, 58.9], []),
        (1800.0, [1, 59], [60]),
        (1800.0, [60, 30, 30, 59], [60, 120]),
        (40.0, [9, 1, 9, 1], [10, 20]),
    ],
)
async def test_last_seen_is_written_rarely(
    idle: float, pauses: list[float], written: list[float]
) -> None:
    """The last use is written at most once a minute, more often only with a short idle time."""
    here = await room(idle_seconds=idle)
    issued = await here.service.create("alice")
    begun = here.clock.now()
    seen: list[float] = []
    for pause in pauses:
        here.clock.advance(pause)
        await here.show(issued.secret)
        (session,) = await here.store.sessions("alice")
        if session.last_seen_at != begun and session.last_seen_at - begun not in seen:
            seen.append(session.last_seen_at - begun)
    assert seen == pytest.approx(written)
    assert TOUCH_SECONDS == 60.0


async def test_find_counts_as_use() -> None:
    """An HTTP request keeps the session alive as a handshake does."""
    here = await room()
    issued = await here.service.create("alice")
    for _ in range(3):
        here.clock.advance(1000)
        found = await here.service.find(issued.secret)
        assert found is not None
        assert found[1].id == "alice"


async def test_login_replaces_what_the_browser_brought() -> None:
    """A session that was there before the login, whosever it was, is ended: no fixation."""
    here = await room()
    planted = await here.service.create("bob")
    issued = await here.service.create("alice", replacing=planted.secret)
    assert isinstance(await here.show(planted.secret), Rejected)
    assert isinstance(await here.show(issued.secret), Authentication)
    assert await here.ended() == [(Target.SESSION, planted.session.id, "replaced by a login")]


async def test_login_replaces_nothing_if_the_cookie_is_stale() -> None:
    """A cookie of a session that is gone, or of none, is no obstacle."""
    here = await room()
    assert isinstance(await here.service.create("alice", replacing="\ud800"), IssuedSession)
    assert await here.ended() == []


async def test_rotation_changes_the_secret_and_nothing_else() -> None:
    """The old secret is worth nothing at once; the proof and the absolute end stay."""
    here = await room()
    issued = await here.service.create("alice", address="192.0.2.9")
    here.clock.advance(600)
    renewed = await here.service.rotate(issued.session)
    assert renewed is not None
    assert isinstance(await here.show(issued.secret), Rejected)
    assert isinstance(await here.show(renewed.secret), Authentication)
    now = here.clock.now()
    assert renewed.session == replace(
        issued.session, id=fingerprint(renewed.secret), created_at=now, last_seen_at=now
    )


async def test_rotation_ends_the_connections_of_the_old_secret() -> None:
    """A rotation closes the connections of the old secret; clients reconnect with the new cookie."""
    here = await room()
    issued = await here.service.create("alice")
    renewed = await here.service.rotate(issued.session)
    assert renewed is not None
    assert await here.ended() == [(Target.SESSION, issued.session.id, "rotated")]


async def test_rotation_can_take_the_connections_along() -> None:
    """The feed says where they go, after the new session is there; tickets of the old one are void."""
    here = await room()
    issued = await here.service.create("alice")
    renewed = await here.service.rotate(issued.session, moving=True)
    assert renewed is not None
    assert isinstance(await here.show(issued.secret), Rejected)
    assert await here.ended() == [
        (Target.MOVED, f"{issued.session.id} {renewed.session.id}", "step-up")
    ]


async def test_a_new_proof_starts_the_absolute_timeout_anew() -> None:
    """After the password was typed again, or a second factor shown."""
    here = await room()
    issued = await here.service.create("alice")
    here.clock.advance(600)
    renewed = await here.service.rotate(issued.session, authenticated=True, strength=2)
    assert renewed is not None
    now = here.clock.now()
    session = renewed.session
    assert (session.authenticated_at, session.expires_at, session.strength) == (
        now,
        now + 43_200,
        2,
    )


async def test_of_two_rotations_one_wins() -> None:
    """The other is told that the session is over, and no third secret exists."""
    here = await room()
    issued = await here.service.create("alice")
    both = await asyncio.gather(*(here.service.rotate(issued.session) for _ in range(2)))
    assert sum(one is not None for one in both) == 1
    assert len(await here.service.sessions("alice")) == 1


async def test_a_dead_session_is_not_rotated() -> None:
    """Rotation does not wake what has timed out."""
    here = await room()
    issued = await here.service.create("alice")
    here.clock.advance(1800)
    assert await here.service.rotate(issued.session) is None


async def test_logout() -> None:
    """An ended session is gone, its connections are called back, and ending it again is nothing."""
    here = await room()
    issued = await here.service.create("alice")
    assert await here.service.end(issued.session.id) == issued.session
    assert isinstance(await here.show(issued.secret), Rejected)
    assert await here.ended() == [(Target.SESSION, issued.session.id, "logout")]
    assert await here.service.end(issued.session.id) is None
    assert len(await here.ended()) == 1


async def test_nobody_ends_somebody_elses_session() -> None:
    """A principal that knows the public id of another's session can do nothing with it."""
    here = await room()
    issued = await here.service.create("alice")
    assert await here.service.end(issued.session.id, owner="bob") is None
    assert isinstance(await here.show(issued.secret), Authentication)
    assert await here.ended() == []
    assert await here.service.end(issued.session.id, owner="alice") == issued.session


@pytest.mark.parametrize("keep", [True, False])
async def test_end_all_others(keep: bool) -> None:
    """All sessions of the principal but the one kept, and none of another."""
    here = await room()
    mine, phone, laptop = [await here.service.create("alice") for _ in range(3)]
    other = await here.service.create("bob")
    ended = await here.service.end_others("alice", keep=mine.session.id if keep else None)
    expected = {phone.session.id, laptop.session.id} | (set() if keep else {mine.session.id})
    assert set(ended) == expected
    assert {value for _, value, _ in await here.ended()} == expected
    assert [s.id for s in await here.service.sessions("alice")] == (
        [mine.session.id] if keep else []
    )
    assert isinstance(await here.show(other.secret), Authentication)


async def test_sessions_are_bounded() -> None:
    """A login over the limit ends the oldest session, not the newest."""
    here = await room(max_sessions=2)
    issued = []
    for _ in range(4):
        here.clock.advance(1)
        issued.append(await here.service.create("alice"))
    assert [s.id for s in await here.service.sessions("alice")] == [
        issued[3].session.id,
        issued[2].session.id,
    ]
    assert {value for _, value, _ in await here.ended()} == {i.session.id for i in issued[:2]}


class LosingStore(MemoryStore):
    """A store that loses the answer to the end of a session."""

    async def remove_session(self, id: str, *, entry: Revocation | None = None) -> Changed:
        await super().remove_session(id, entry=entry)
        raise StoreInDoubt("no answer")


async def test_the_end_of_a_session_comes_with_its_revocation() -> None:
    """If the answer to a logout is lost, the session is over, and every process learns of it."""
    store = LosingStore()
    await store.open()
    await store.add_account(ALICE)
    here = Room(store)
    issued = await here.service.create("alice")
    authentication = await here.show(issued.secret)
    assert isinstance(authentication, Authentication)
    with pytest.raises(StoreInDoubt):
        await here.service.end(issued.session.id)
    assert isinstance(await here.show(issued.secret), Rejected)
    (revocation,) = await store.revocations()
    assert revocation.covers(authentication)


async def test_a_store_that_is_down_is_no_yes() -> None:
    """The handshake is refused, and the answer does not say that the cookie is wrong."""
    here = await room()
    issued = await here.service.create("alice")
    await here.store.close()
    with pytest.raises(StoreUnavailable):
        await here.show(issued.secret)
    with pytest.raises(StoreUnavailable):
        await here.service.find(issued.secret)


@pytest.mark.parametrize(
    "options",
    [
        {"idle_seconds": 0.0},
        {"idle_seconds": 100.0, "absolute_seconds": 99.0},
        {"absolute_seconds": float("nan")},
        {"absolute_seconds": 31 * 86_400.0},
        {"max_sessions": 0},
    ],
)
async def test_a_desk_without_limits_is_refused(options: dict[str, float]) -> None:
    """Timeouts cannot be switched off."""
    with pytest.raises(ConfigurationError):
        await room(**options)


async def test_the_cookie_may_have_another_name() -> None:
    """The service carries the cookie's attributes, and the authenticator looks for that name."""
    service = SessionService(
        StoredState.of(await populated()), FakeClock(), cookie=CookieSpec(name="__Host-app")
    )
    authenticator = SessionAuthenticator(service.cookie.name)
    assert authenticator.places == (Place(Source.COOKIE, "__Host-app"),)
    assert authenticator.recognises(cookie("anything"))
