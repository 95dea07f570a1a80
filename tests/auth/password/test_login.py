"""A login does not reveal which principals exist, slows guessing, and locks no owner out."""

import asyncio
import threading
from collections.abc import Mapping
from functools import cache

import argon2
import bcrypt
import pytest

from stormdoor.auth.password.login import LoggedIn, Login
from stormdoor.auth.password.passwords import Argon2Cost, Busy, Match, Passwords
from stormdoor.core.account import Account
from stormdoor.core.backoff import Backoff, GuessRules
from stormdoor.core.denial import Denial, Refusal
from stormdoor.errors import StoreUnavailable
from stormdoor.ports import StoredState
from stormdoor.stores.memory import MemoryStore
from tests.support.clock import FakeClock
from tests.support.people import populated

CHEAP = Argon2Cost(memory_kib=7_168, passes=5)
PASSWORD = "correct horse battery staple"


@cache
def password_hash() -> str:
    """Return the hash of `PASSWORD`."""
    return Passwords(cost=CHEAP).hash_now(PASSWORD)


HOME, CAFE = "192.0.2.1", "198.51.100.7"
RULES = GuessRules(
    own=Backoff(free=3, first=1.0, cap=60.0, forget=600.0),
    unfamiliar=Backoff(free=5, first=1.0, cap=30.0, forget=600.0),
)


class Room:
    """Alice has a password; three guesses of an address are free, and five of all unfamiliar ones."""

    def __init__(self, store: MemoryStore, **options: int) -> None:
        self.clock = FakeClock()
        self.store = store
        self.passwords = Passwords(cost=CHEAP, **options)  # type: ignore[arg-type]
        self.login = Login(StoredState.of(store), self.passwords, self.clock, rules=RULES)

    async def attempt(
        self, username: str = "alice", password: str = PASSWORD, address: str = HOME
    ) -> LoggedIn | Refusal:
        """Try."""
        return await self.login.attempt(username, password, address)


async def room(store: MemoryStore | None = None, **options: int) -> Room:
    """A store without login attempts."""
    if store is None:
        store = await populated()
        await store.set_password_hash("alice", password_hash())
    return Room(store, **options)


def denial(outcome: LoggedIn | Refusal) -> tuple[Denial, int | None]:
    """Return the denial and the seconds to wait."""
    assert isinstance(outcome, Refusal), outcome
    return outcome.denial, outcome.retry_after


async def test_the_right_password() -> None:
    """A client with the password gets the account."""
    here = await room()
    outcome = await here.attempt()
    assert isinstance(outcome, LoggedIn)
    assert (outcome.account.id, outcome.upgraded) == ("alice", False)
    assert PASSWORD not in repr(outcome)
    assert password_hash() not in repr(outcome)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "x" * 100_000),
        ("bob", PASSWORD),  # has no password
        ("ghost", PASSWORD),
        ("Alice", PASSWORD),
        ("alice ", PASSWORD),
        ("ali\x00ce", PASSWORD),
        ("\ud800", "\ud800"),
    ],
)
async def test_every_wrong_pair_gets_the_same_answer(username: str, password: str) -> None:
    """A wrong password, a principal without one, and an unknown principal look alike to the client."""
    here = await room()
    outcome = await here.attempt(username, password)
    assert outcome == Refusal(Denial.BAD_CREDENTIAL, "no such pair")


async def test_the_back_off_does_not_tell_who_exists() -> None:
    """Unknown names are slowed exactly as known ones are."""
    here = await room()
    known = [denial(await here.attempt("alice", "wrong")) for _ in range(5)]
    unknown = [denial(await here.attempt("ghost", "wrong")) for _ in range(5)]
    assert known == unknown
    assert known == [
        (Denial.BAD_CREDENTIAL, None),
        (Denial.BAD_CREDENTIAL, None),
        (Denial.BAD_CREDENTIAL, 1),
        (Denial.BACKOFF, 1),
        (Denial.BACKOFF, 1),
    ]


@pytest.mark.parametrize("username", ["", "x" * 257, "x" * 10**6])
async def test_what_can_be_no_name_is_refused(username: str) -> None:
    """A text that can be no username is refused, and nothing is stored for it."""
    here = await room()
    assert denial(await here.attempt(username)) == (Denial.BAD_CREDENTIAL, None)
    assert here.store._guesses == {}


async def test_a_disabled_principal_is_refused() -> None:
    """A disabled principal is refused also with the right password; the log has the reason."""
    here = await room()
    await here.store.set_disabled("alice", True)
    outcome = await here.attempt()
    assert denial(outcome)[0] is Denial.BAD_CREDENTIAL
    assert "disabled" in getattr(outcome, "detail", "")


# Back-off ------------------------------------------------------------------------------------


async def test_guesses_get_slower() -> None:
    """After the free ones each failure doubles the wait; even the right password must wait."""
    here = await room()
    for _ in range(3):
        await here.attempt(password="wrong")
    assert denial(await here.attempt()) == (Denial.BACKOFF, 1)
    here.clock.advance(1)
    assert denial(await here.attempt(password="wrong")) == (Denial.BAD_CREDENTIAL, 2)
    here.clock.advance(1)
    assert denial(await here.attempt()) == (Denial.BACKOFF, 1)
    here.clock.advance(1)
    assert isinstance(await here.attempt(), LoggedIn)
    for _ in range(3):
        assert denial(await here.attempt(password="wrong"))[0] is Denial.BAD_CREDENTIAL


async def test_the_wall_clock_does_not_matter() -> None:
    """Setting it forth does not end the wait."""
    here = await room()
    for _ in range(3):
        await here.attempt(password="wrong")
    here.clock.set_wall(here.clock.now() + 10**6)
    assert denial(await here.attempt()) == (Denial.BACKOFF, 1)


async def test_an_attack_from_everywhere_does_not_lock_the_owner_out() -> None:
    """During guesses from a thousand addresses, the owner logs in from a familiar address."""
    here = await room()
    await here.attempt()
    through = 0
    for n in range(1000):
        outcome = await here.attempt(password="wrong", address=f"10.0.{n // 250}.{n % 250}")
        through += denial(outcome)[0] is Denial.BAD_CREDENTIAL
    assert through == 5
    assert denial(await here.attempt(address=CAFE))[0] is Denial.BACKOFF
    assert isinstance(await here.attempt(), LoggedIn)


async def test_somewhere_new_the_owner_waits_at_most_the_cap() -> None:
    """From a new address the owner waits at most the longest delay."""
    here = await room()
    for _ in range(8):
        await here.attempt(password="wrong", address="10.0.0.1")
        await here.attempt(password="wrong", address="10.0.0.2")
        here.clock.advance(60)
    here.clock.advance(30)
    assert isinstance(await here.attempt(address=CAFE), LoggedIn)


async def test_a_restart_forgets_no_failure() -> None:
    """Another process on the store, or the same one after a restart, goes on with the same counters."""
    first = await room()
    for _ in range(3):
        assert denial(await first.attempt(password="wrong"))[0] is Denial.BAD_CREDENTIAL
    again = await room(first.store)
    assert denial(await again.attempt()) == (Denial.BACKOFF, 1)
    again.clock.advance(1)
    assert isinstance(await again.attempt(), LoggedIn)


@pytest.mark.parametrize(("shared", "verified"), [(True, 5), (False, 20)])
async def test_four_processes_count_together(shared: bool, verified: int) -> None:
    """Four processes on one store verify as many guesses as one does, and on four stores four times that."""
    first = await room()
    rooms = [first, *[await room(first.store if shared else None) for _ in range(3)]]
    guesses = [rooms[n % 4].attempt(password="wrong", address=f"10.0.0.{n % 8}") for n in range(64)]
    outcomes = [denial(one)[0] for one in await asyncio.gather(*guesses)]
    assert outcomes.count(Denial.BAD_CREDENTIAL) == verified
    assert outcomes.count(Denial.BACKOFF) == 64 - verified


@pytest.mark.parametrize("key", [None, b"k" * 32])
async def test_the_store_has_no_name_of_a_guess(key: bytes | None) -> None:
    """A password that was typed as a name is not in the store, and no two names share a counter."""
    here = await room()
    login = Login(StoredState.of(here.store), here.passwords, here.clock, name_key=key)
    typed = [(PASSWORD, HOME), ("a", "b\0c"), ("c\0a", "b"), ("account\0a", "b"), ("pair\0a", "b")]
    for name, address in typed:
        assert denial(await login.attempt(name, "wrong", address))[0] is Denial.BAD_CREDENTIAL
    assert len(here.store._guesses) == 2 * len(typed)
    assert {one.count for one in here.store._guesses.values()} == {1}
    assert not any(PASSWORD in one or HOME in one for one in here.store._guesses)


# Races ---------------------------------------------------------------------------------------


async def hold(passwords: Passwords) -> threading.Event:
    """Keep the one thread busy until the event is set."""
    inside, gate = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        assert gate.wait(30)

    passwords._pool.submit(wait)
    await asyncio.to_thread(inside.wait)
    return gate


async def test_guesses_are_charged_before_they_are_verified() -> None:
    """Twenty at once, while the first are still being hashed: three are verified, no more."""
    here = await room(threads=1, queue=50)
    gate = await hold(here.passwords)
    guesses = [asyncio.create_task(here.attempt(password=f"guess {n}")) for n in range(20)]
    refused = await asyncio.gather(*guesses[3:])
    assert [denial(one)[0] for one in refused] == [Denial.BACKOFF] * 17
    assert not any(guess.done() for guess in guesses[:3])
    gate.set()
    verified = await asyncio.gather(*guesses[:3])
    assert [denial(one)[0] for one in verified] == [Denial.BAD_CREDENTIAL] * 3


async def test_a_client_that_hangs_up_stays_charged() -> None:
    """Guessing without waiting for the answer is not free."""
    here = await room(threads=1, queue=50)
    gate = await hold(here.passwords)
    for _ in range(3):
        guess = asyncio.create_task(here.attempt(password="wrong"))
        await asyncio.sleep(0)
        guess.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guess
    gate.set()
    assert denial(await here.attempt())[0] is Denial.BACKOFF


async def test_busy_server_counts_no_failure() -> None:
    """An attempt that a busy server does not verify is no failure, and the answer says when to retry."""
    here = await room(threads=1, queue=1)
    gate = await hold(here.passwords)
    here.passwords._taken[False] = 2
    for _ in range(10):
        assert denial(await here.attempt(password="wrong")) == (Denial.BUSY, 1)
    here.passwords._taken[False] = 0
    gate.set()
    assert isinstance(await here.attempt(), LoggedIn)


class BusyInBetween(MemoryStore):
    """While this store is asked, others fill the queue of the hasher."""

    passwords: Passwords

    async def account(self, id: str) -> Account | None:
        self.passwords._taken[False] = 2
        return await super().account(id)


async def test_queue_filled_during_the_login_counts_no_failure() -> None:
    """The charge is given back if there is no place any more when it comes to hashing."""
    store = BusyInBetween()
    await store.open()
    here = await room(store, threads=1, queue=1)
    store.passwords = here.passwords
    for _ in range(10):
        assert denial(await here.attempt(password="wrong")) == (Denial.BUSY, 1)
        here.passwords._taken[False] = 0
    assert here.store._guesses == {}


class ChangingStore(MemoryStore):
    """A store in which something happens to alice while her password is being verified."""

    change: Mapping[str, object]

    async def account(self, id: str) -> Account | None:
        account = await super().account(id)
        if "hash" in self.change:
            await self.set_password_hash(id, str(self.change["hash"]))
        if "disabled" in self.change:
            await self.set_disabled(id, True)
        if "removed" in self.change:
            await self.remove_account(id)
        return account


@pytest.mark.parametrize("change", [{"hash": "other"}, {"disabled": True}, {"removed": True}])
async def test_account_changed_during_the_hashing_is_refused(change: Mapping[str, object]) -> None:
    """An account that was changed, disabled or removed during the hashing is refused."""
    store = ChangingStore()
    await store.open()
    store.change = {}
    await store.add_account(Account(id="alice", password_hash=password_hash()))
    here = await room(store)
    store.change = change
    assert denial(await here.attempt())[0] is Denial.BAD_CREDENTIAL


# Upgrades ------------------------------------------------------------------------------------

OLD = {
    "argon2": argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD),
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
}


@pytest.mark.parametrize("old", OLD.values(), ids=OLD.keys())
async def test_an_old_hash_is_replaced(old: str) -> None:
    """The first login replaces an old hash; the second login finds the present kind."""
    here = await room()
    await here.store.set_password_hash("alice", old)
    first = await here.attempt()
    assert isinstance(first, LoggedIn)
    assert first.upgraded
    stored = await here.store.account("alice")
    assert stored is not None
    assert stored.password_hash == first.account.password_hash
    assert await here.passwords.verify(PASSWORD, stored.password_hash) == Match(upgrade=False)
    second = await here.attempt()
    assert isinstance(second, LoggedIn)
    assert not second.upgraded


async def test_a_wrong_password_upgrades_nothing() -> None:
    """The stored hash is as it was."""
    here = await room()
    await here.store.set_password_hash("alice", OLD["bcrypt"])
    await here.attempt(password="wrong")
    stored = await here.store.account("alice")
    assert stored is not None
    assert stored.password_hash == OLD["bcrypt"]


async def test_a_short_old_password_is_upgraded_too() -> None:
    """Today's rules for choosing one do not lock out who chose before."""
    here = await room()
    short = bcrypt.hashpw(b"short", bcrypt.gensalt(4)).decode()
    await here.store.set_password_hash("alice", short)
    outcome = await here.attempt(password="short")
    assert isinstance(outcome, LoggedIn)
    assert outcome.upgraded


class CrowdedAtTheEnd(Passwords):
    """Verifies, but has no place left for a new hash."""

    async def rehash(self, password: str) -> str | Busy:
        return Busy()


async def test_an_upgrade_can_wait() -> None:
    """If the server is busy, the login succeeds and the old hash stays until the next one."""
    here = await room()
    await here.store.set_password_hash("alice", OLD["bcrypt"])
    login = Login(StoredState.of(here.store), CrowdedAtTheEnd(cost=CHEAP), here.clock)
    outcome = await login.attempt("alice", PASSWORD, HOME)
    assert isinstance(outcome, LoggedIn)
    assert not outcome.upgraded


async def test_a_damaged_hash_is_told_to_the_operator() -> None:
    """The client sees a wrong pair; the log says what to mend."""
    here = await room()
    await here.store.set_password_hash("alice", "5f4dcc3b5aa765d61d8327deb882cf99")
    outcome = await here.attempt()
    assert isinstance(outcome, Refusal)
    assert outcome.answer.text == "authentication required"
    assert "neither Argon2 nor bcrypt" in outcome.detail


async def test_a_store_that_is_down_is_no_yes() -> None:
    """No login succeeds, and no password is verified that the store cannot count."""
    here = await room()
    await here.store.close()
    for _ in range(9):
        with pytest.raises(StoreUnavailable):
            await here.attempt()
    assert not any(here.passwords._taken.values())
    await here.store.open()
    assert isinstance(await here.attempt(), LoggedIn)


async def test_without_options_there_is_a_back_off() -> None:
    """The default slows down, too."""
    store = await populated()
    login = Login(StoredState.of(store), Passwords(cost=CHEAP), FakeClock())
    outcomes = [denial(await login.attempt("alice", "wrong", HOME))[0] for _ in range(6)]
    assert outcomes == [Denial.BAD_CREDENTIAL] * 5 + [Denial.BACKOFF]


# What a login writes -------------------------------------------------------------------------


class _Overtaken(MemoryStore):
    """Another process changes the password while a login is about to store its upgraded hash."""

    async def replace_password_hash(self, id: str, old: str, new: str) -> bool:
        await self.set_password_hash(id, "$changed$")
        return await super().replace_password_hash(id, old, new)


async def test_an_upgrade_does_not_bring_the_old_password_back() -> None:
    """INVARIANT: the upgraded hash takes the place of the one that was verified, and of no other."""
    store = _Overtaken()
    await store.open()
    old = Passwords(cost=Argon2Cost(memory_kib=8_000, passes=5)).hash_now(PASSWORD)
    await store.add_account(Account(id="alice", password_hash=old))
    here = await room(store)
    assert denial(await here.attempt())[0] is Denial.BAD_CREDENTIAL
    account = await store.account("alice")
    assert account is not None
    assert account.password_hash == "$changed$"


async def test_an_unknown_name_is_known_by_a_fingerprint() -> None:
    """A password that was typed as a name is in no log; the same one can be told again."""
    here = await room()
    assert await here.login.known_as("alice") == "alice"
    for typed in (PASSWORD, "Alice", "", "x" * 10_000, "\ud800"):
        shown = await here.login.known_as(typed)
        assert shown.startswith("unknown:")
        assert len(shown) == 24
        assert not typed or typed not in shown
        assert shown == await here.login.known_as(typed)
    assert await here.login.known_as("one") != await here.login.known_as("two")
    other = Login(StoredState.of(here.store), here.passwords, here.clock)
    assert await other.known_as("one") != await here.login.known_as("one")
    keyed = [
        Login(StoredState.of(here.store), here.passwords, here.clock, name_key=b"k" * 32)
        for _ in range(2)
    ]
    assert len({await one.known_as("one") for one in keyed}) == 1


# Familiar addresses --------------------------------------------------------------------------


async def test_a_familiar_address_overtakes() -> None:
    """A login from a familiar address has its own queue, which is served first."""
    here = await room(threads=1, queue=4)
    assert isinstance(await here.attempt(), LoggedIn)
    gate, order = threading.Event(), []
    here.passwords._pool.submit(gate.wait)

    async def guess(number: int) -> None:
        outcome = await here.attempt(f"ghost-{number}", "wrong", f"10.0.0.{number}")
        order.append(denial(outcome)[0].value)

    guesses = [asyncio.create_task(guess(number)) for number in range(8)]
    while not here.passwords.full(first=False):
        await asyncio.sleep(0)
    mine = asyncio.create_task(here.attempt())
    mine.add_done_callback(lambda _: order.append("alice"))
    while not here.passwords._waiting[True]:
        await asyncio.sleep(0)
    gate.set()
    assert isinstance(await mine, LoggedIn)
    await asyncio.gather(*guesses)
    assert order == ["busy"] * 3 + ["alice"] + ["bad-credential"] * 5


async def test_familiarity_outlives_the_process() -> None:
    """Another process on the same store knows the address, for three months."""
    first = await room()
    assert isinstance(await first.attempt(), LoggedIn)
    for seconds, familiar in ((80 * 86_400.0, True), (171 * 86_400.0, False)):
        later = await room(first.store)
        later.clock.advance(seconds)
        for number in range(6):
            await later.attempt(password="wrong", address=f"10.0.0.{number}")
        slowed = isinstance(outcome := await later.attempt(), Refusal)
        assert slowed is not familiar, outcome
        if slowed:
            assert denial(outcome)[0] is Denial.BACKOFF


async def test_a_failed_login_makes_no_address_familiar() -> None:
    """Neither a failed login nor one without an account makes an address familiar."""
    here = await room()
    await here.attempt(password="wrong", address=CAFE)
    await here.attempt("ghost", "wrong", address=CAFE)
    assert here.store._familiar == {}
