"""API keys: restricted, rotated with an overlap, revoked at once."""

import asyncio

import pytest

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.auth.apikey.service import IssuedKey, KeyService
from stormdoor.auth.authenticator import Rejected
from stormdoor.core.apikey import compose, key_id
from stormdoor.core.credential import Credential, Place, Source, fingerprint
from stormdoor.core.denial import Denial
from stormdoor.core.principal import Authentication
from stormdoor.core.revocation import Target
from stormdoor.errors import ConfigurationError, StoreError, StoreUnavailable
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.support.people import HANDSHAKE, SENSOR, bearer, populated

HEADER = Place(Source.HEADER, "x-api-key")


class Room:
    """A store with people in it, a clock and a service."""

    def __init__(self, store: MemoryStore) -> None:
        self.clock = FakeClock()
        self.store = store
        self.service = KeyService(StoredState.of(store), self.clock)
        self.authenticator = ApiKeyAuthenticator()

    async def issue(
        self, *, networks: tuple[str, ...] = (), seconds: float | None = None
    ) -> IssuedKey:
        """A key of the sensor."""
        return await self.service.issue(
            "sensor", name="roof", scopes=["reading:send"], networks=networks, seconds=seconds
        )

    async def show(self, secret: str) -> Authentication | Rejected:
        """Come to the door with the key, from 192.0.2.1."""
        return await self.authenticator.authenticate(
            bearer(secret), HANDSHAKE, state=StoredState.of(self.store), now=self.clock.now()
        )


async def room() -> Room:
    """A store without keys."""
    return Room(await populated())


async def refused(here: Room, secret: str, denial: Denial, says: str) -> None:
    """The key is refused for that reason."""
    outcome = await here.show(secret)
    assert isinstance(outcome, Rejected)
    assert outcome.denial is denial
    assert says in outcome.detail
    assert secret not in outcome.detail


async def test_a_key_vouches_for_its_principal() -> None:
    """Scopes and expiry travel with the authentication; no browser attaches a key by itself."""
    here = await room()
    issued = await here.issue(seconds=3600)
    begun = here.clock.now()
    here.clock.advance(10)
    assert await here.show(issued.secret) == Authentication(
        SENSOR.principal,
        "api-key",
        credential_id=issued.key.id,
        ambient=False,
        authenticated_at=begun + 10,
        issued_at=begun,
        expires_at=begun + 3600,
        scopes=frozenset({"reading:send"}),
        live=True,
        position=await here.store.log_position(),
    )


async def test_only_the_hash_is_stored() -> None:
    """The store contains only the hash of a key."""
    here = await room()
    issued = await here.issue()
    assert issued.key.hash == fingerprint(issued.secret)
    assert key_id(issued.secret) == issued.key.id
    assert issued.secret not in repr(issued) + repr(await here.service.keys())


@pytest.mark.parametrize(
    ("credential", "recognised"),
    [
        (bearer("sd_x"), True),
        (bearer("a.b.c"), False),
        (bearer(""), False),
        (Credential(HEADER, "anything"), True),
    ],
)
def test_recognises_its_own(credential: Credential, recognised: bool) -> None:
    """A bearer that begins like a key is one; a token is left to others."""
    assert ApiKeyAuthenticator().recognises(credential) is recognised


@pytest.mark.parametrize("text", ["", "sd_", "sd_x", "x" * 65, "\ud800", "x" * 10**6])
async def test_what_is_no_key_is_refused(text: str) -> None:
    """Without asking the store, which may even be down."""
    here = await room()
    await here.store.close()
    outcome = await here.show(text)
    assert isinstance(outcome, Rejected)
    assert "not an API key" in outcome.detail


async def test_an_unknown_key_is_refused() -> None:
    """A well-formed key that was never issued is refused."""
    here = await room()
    await refused(here, compose(1, 2)[1], Denial.BAD_CREDENTIAL, "no such key")


async def test_the_id_alone_is_worth_nothing() -> None:
    """A key with the right id, a valid checksum and another secret is refused."""
    here = await room()
    issued = await here.issue()
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    id_bits = 0
    for letter in issued.key.id:
        id_bits = id_bits * 62 + alphabet.index(letter)
    id, forged = compose(id_bits, 12345)
    assert id == issued.key.id
    await refused(here, forged, Denial.BAD_CREDENTIAL, f"not that of key {id}")


async def test_a_disabled_principal_is_refused() -> None:
    """Its keys count no more."""
    here = await room()
    issued = await here.issue()
    await here.store.set_disabled("sensor", True)
    await refused(here, issued.secret, Denial.BAD_CREDENTIAL, "disabled")


@pytest.mark.parametrize(("after", "alive"), [(59.9, True), (60, False), (10**6, False)])
async def test_expiry(after: float, alive: bool) -> None:
    """A key counts until its second comes."""
    here = await room()
    issued = await here.issue(seconds=60)
    here.clock.advance(after)
    if alive:
        assert isinstance(await here.show(issued.secret), Authentication)
    else:
        await refused(here, issued.secret, Denial.EXPIRED, "expired")


@pytest.mark.parametrize(
    ("networks", "allowed"),
    [
        (("192.0.2.0/24",), True),
        (("192.0.2.1",), True),
        (("10.0.0.0/8", "192.0.2.0/24"), True),
        (("10.0.0.0/8",), False),
        (("2001:db8::/32",), False),
    ],
)
async def test_networks(networks: tuple[str, ...], allowed: bool) -> None:
    """A stolen key is worth nothing elsewhere."""
    here = await room()
    issued = await here.issue(networks=networks)
    if allowed:
        assert isinstance(await here.show(issued.secret), Authentication)
    else:
        await refused(here, issued.secret, Denial.BAD_CREDENTIAL, "may not be used from 192.0.2.1")


async def test_last_use_is_written_rarely() -> None:
    """At most once a minute, with the address."""
    here = await room()
    issued = await here.issue()
    begun = here.clock.now()
    used = []
    for pause in (0, 59, 1, 30, 30):
        here.clock.advance(pause)
        await here.show(issued.secret)
        (key,) = await here.service.keys("sensor")
        assert key.last_used_from == "192.0.2.1"
        used.append((key.last_used_at or 0) - begun)
    assert used == [0, 0, 60, 60, 120]


async def test_rotation_overlaps() -> None:
    """Both keys count until the overlap is over; then only the successor does."""
    here = await room()
    old = await here.issue(networks=("192.0.2.0/24",))
    new = await here.service.rotate(old.key.id, overlap_seconds=100)
    assert (new.key.name, new.key.scopes, new.key.networks, new.key.principal_id) == (
        old.key.name,
        old.key.scopes,
        old.key.networks,
        "sensor",
    )
    here.clock.advance(99)
    assert isinstance(await here.show(old.secret), Authentication)
    assert isinstance(await here.show(new.secret), Authentication)
    found = await here.store.key(old.key.id)
    assert found is not None
    assert found[0].successor == new.key.id
    here.clock.advance(1)
    await refused(here, old.secret, Denial.EXPIRED, "expired")
    assert isinstance(await here.show(new.secret), Authentication)


async def test_rotation_keeps_the_lifetime() -> None:
    """A key for a week is followed by a key for a week, and does not live longer for it."""
    here = await room()
    old = await here.issue(seconds=1000)
    here.clock.advance(990)
    new = await here.service.rotate(old.key.id, overlap_seconds=100)
    assert new.key.expires_at == here.clock.now() + 1000
    found = await here.store.key(old.key.id)
    assert found is not None
    assert found[0].expires_at == old.key.expires_at


async def test_rotation_without_overlap_revokes() -> None:
    """A key that leaked is replaced and its connections are ended."""
    here = await room()
    old = await here.issue()
    await here.service.rotate(old.key.id, overlap_seconds=0)
    await refused(here, old.secret, Denial.BAD_CREDENTIAL, "no such key")
    assert [(r.target, r.value) for r in await here.store.revocations()] == [
        (Target.CREDENTIAL, old.key.id)
    ]


async def test_a_key_is_rotated_once() -> None:
    """There are never two successors; an expired or unknown key has none."""
    here = await room()
    old = await here.issue(seconds=1000)
    new = await here.service.rotate(old.key.id, overlap_seconds=100)
    with pytest.raises(StoreError, match=new.key.id):
        await here.service.rotate(old.key.id)
    here.clock.advance(1000)
    with pytest.raises(StoreError, match="has expired"):
        await here.service.rotate(new.key.id)
    with pytest.raises(StoreError, match="no key"):
        await here.service.rotate("nothing")
    with pytest.raises(ConfigurationError, match="overlap_seconds"):
        await here.service.rotate(new.key.id, overlap_seconds=-1)


async def test_revocation() -> None:
    """A revoked key is gone, its connections are called back, and of two revocations one counts."""
    here = await room()
    issued = await here.issue()
    both = await asyncio.gather(*(here.service.revoke(issued.key.id) for _ in range(2)))
    assert sorted(both) == [False, True]
    await refused(here, issued.secret, Denial.BAD_CREDENTIAL, "no such key")
    assert {(r.target, r.value) for r in await here.store.revocations()} == {
        (Target.CREDENTIAL, issued.key.id)
    }


async def test_keys_are_listed_by_principal() -> None:
    """An owner sees its own; an operator sees all."""
    here = await room()
    mine = await here.issue()
    other = await here.service.issue("alice", name="laptop", scopes=["*"])
    assert [k.id for k in await here.service.keys("sensor")] == [mine.key.id]
    assert {k.id for k in await here.service.keys()} == {mine.key.id, other.key.id}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scopes": []}, "without scopes"),
        ({"scopes": ["reading*"]}, "not a permission pattern"),
        ({"name": ""}, "name of a key"),
        ({"name": "x" * 129}, "name of a key"),
        ({"name": "a\nb"}, "name of a key"),
        ({"networks": ["everywhere"]}, "10.0.0.0/8"),
        ({"networks": ["10.0.0.1/8"]}, "10.0.0.0/8"),
        ({"seconds": 0}, "greater than 0"),
        ({"seconds": float("nan")}, "greater than 0"),
    ],
)
async def test_a_key_that_cannot_mean_what_it_says_is_not_issued(
    options: dict[str, object], says: str
) -> None:
    """Nothing is stored, and the operator reads what to write."""
    here = await room()
    sound: dict[str, object] = {"name": "roof", "scopes": ["reading:send"]}
    with pytest.raises(ConfigurationError, match=says):
        await here.service.issue("sensor", **(sound | options))  # type: ignore[arg-type]
    assert await here.service.keys() == []


async def test_no_key_for_an_unknown_principal() -> None:
    """A key belongs to a principal that exists."""
    here = await room()
    with pytest.raises(StoreError, match="no principal 'ghost'"):
        await here.service.issue("ghost", name="x", scopes=["*"])


async def test_a_store_that_is_down_is_no_yes() -> None:
    """The handshake is refused, and the answer does not say that the key is wrong."""
    here = await room()
    issued = await here.issue()
    await here.store.close()
    with pytest.raises(StoreUnavailable):
        await here.show(issued.secret)
