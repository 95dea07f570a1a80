"""Passwords are hashed at a high cost, in threads, and at the same cost for unknown principals."""

import asyncio
import importlib.util
import sys
import threading
import time
from functools import partial

import argon2
import bcrypt
import pytest

import stormdoor.auth.password.passwords as module
from stormdoor.auth.password.common_passwords import common_passwords
from stormdoor.auth.password.passwords import (
    OWASP,
    RFC_9106_LOW_MEMORY,
    Argon2Cost,
    Busy,
    Match,
    Mismatch,
    Passwords,
)
from stormdoor.errors import ConfigurationError
from tests.support.effort import await_costs_less

CHEAP = Argon2Cost(memory_kib=7_168, passes=5)  # the least that is allowed
PASSWORD = "correct horse battery staple"
ARGON2 = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def passwords() -> Passwords:
    """A hasher of the least cost."""
    return Passwords(cost=CHEAP)


async def test_a_password_matches_its_hash(passwords: Passwords) -> None:
    """Only the password matches its hash, which is Argon2id with the configured parameters."""
    stored = await passwords.hash(PASSWORD)
    assert isinstance(stored, str)
    assert stored.startswith("$argon2id$v=19$m=7168,t=5,p=1$")
    assert PASSWORD not in stored
    assert await passwords.verify(PASSWORD, stored) == Match(upgrade=False)
    for other in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], PASSWORD + "\x00"):
        assert await passwords.verify(other, stored) == Mismatch()


async def test_two_hashes_of_a_password_differ(passwords: Passwords) -> None:
    """Each has a salt of its own."""
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


@pytest.mark.parametrize(
    ("cost", "header"),
    [(OWASP, "m=19456,t=2,p=1"), (RFC_9106_LOW_MEMORY, "m=65536,t=3,p=4")],
    ids=["owasp", "rfc-9106"],
)
def test_profiles(cost: Argon2Cost, header: str) -> None:
    """The named profiles are what their sources say."""
    assert header in Passwords(cost=cost).hash_now(PASSWORD)


def test_the_default_is_owasp() -> None:
    """The default is a recommended cost."""
    assert "m=19456,t=2,p=1" in Passwords().hash_now(PASSWORD)


@pytest.mark.parametrize(
    "options",
    [
        {"memory_kib": 19_456, "passes": 1},
        {"memory_kib": 1_024, "passes": 100},
        {"memory_kib": 7_168, "passes": 4},
        {"memory_kib": 65_536, "passes": 0},
        {"memory_kib": 65_536, "passes": 3, "lanes": 0},
    ],
)
def test_a_cheaper_cost_is_refused(options: dict[str, int]) -> None:
    """A cost below the recommendation is refused."""
    with pytest.raises(ConfigurationError, match="too cheap"):
        Argon2Cost(**options)


@pytest.mark.parametrize(
    "password",
    [
        "pässwörd…",
        "p\u0061\u0308ss",
        "😀" * 16,
        "with\x00nul",
        "  spaces  ",
        "half \ud800",
        "x" * 1024,
    ],
    ids=ascii,
)
async def test_a_password_is_taken_as_typed(passwords: Passwords, password: str) -> None:
    """Passwords with any characters are neither cut, trimmed nor normalised."""
    stored = await passwords.rehash(password)
    assert isinstance(stored, str)
    assert await passwords.verify(password, stored) == Match()
    assert await passwords.verify(password.strip() + "?", stored) == Mismatch()


async def test_normal_forms_differ(passwords: Passwords) -> None:
    """Two ways to write an umlaut are two passwords: what was typed is what counts."""
    stored = await passwords.hash("p\u00e4ssword one")
    assert isinstance(stored, str)
    assert await passwords.verify("pa\u0308ssword one", stored) == Mismatch()


# Old hashes ----------------------------------------------------------------------------------


async def test_other_parameters_are_flagged(passwords: Passwords) -> None:
    """A hash of yesterday's cost still counts, and is to be replaced."""
    assert await passwords.verify(PASSWORD, ARGON2) == Match(upgrade=True)
    assert await passwords.verify("wrong", ARGON2) == Mismatch()


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
async def test_bcrypt_is_accepted_and_flagged(passwords: Passwords, prefix: str) -> None:
    """An imported hash counts, and is to be replaced."""
    stored = prefix + BCRYPT[4:]
    assert await passwords.verify(PASSWORD, stored) == Match(upgrade=True)
    assert await passwords.verify("wrong", stored) == Mismatch()


async def test_bcrypt_reads_72_bytes(passwords: Passwords) -> None:
    """A long password with a hash of its first 72 bytes is still accepted."""
    long = "x" * 72 + "y" * 28
    stored = bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode()
    assert await passwords.verify(long, stored) == Match(upgrade=True)
    assert await passwords.verify(long[:71], stored) == Mismatch()


@pytest.mark.parametrize("password", ["with\x00nul inside", "\x00", "half \ud800", "", "ü" * 100])
async def test_bcrypt_is_given_anything(passwords: Passwords, password: str) -> None:
    """No password makes the verification fail in another way than by not matching."""
    assert await passwords.verify(password, BCRYPT) == Mismatch()


async def test_bcrypt_without_its_library(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login is refused, and the operator reads what to install; the client reads nothing."""
    monkeypatch.setattr(module, "_checkpw", None)
    verdict = await passwords.verify(PASSWORD, BCRYPT)
    assert isinstance(verdict, Mismatch)
    assert "pip install 'stormdoor[bcrypt]'" in verdict.detail


def test_the_library_for_bcrypt_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module can be imported without the library for bcrypt."""
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    name = "tests.auth.passwords_without_bcrypt"
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, without)
    spec.loader.exec_module(without)
    assert without._checkpw is None
    assert module._checkpw is not None


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        PASSWORD,
        "$argon2id$",
        "$argon2id$v=19$m=7168,t=5,p=1$c2FsdA",
        "$argon2id$v=19$m=7168,t=5,p=1$$",
        ARGON2[:-10],
        "$2b$04$short",
        "$2b$99$" + BCRYPT[7:],
        "$5$rounds=5000$salt$hash",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "\x00",
        "$argon2id$v=19$m=7168,t=5,p=1$\u00e4$\ud800",
        "$2b$04$\u00e4\ud800",
    ],
    ids=lambda stored: ascii(stored[:7]),
)
async def test_a_damaged_hash_matches_nothing(passwords: Passwords, stored: str) -> None:
    """No text matches a damaged hash, not even the hash itself; the log has the reason."""
    for password in (PASSWORD, "", stored):
        verdict = await passwords.verify(password, stored)
        assert isinstance(verdict, Mismatch)
        assert verdict.detail or stored == ARGON2[:-10]
        assert PASSWORD not in verdict.detail


# An unknown principal -------------------------------------------------------------------------


@pytest.mark.parametrize("password", [PASSWORD, "", "x"])
async def test_absent_hash_is_a_mismatch(passwords: Passwords, password: str) -> None:
    """A principal that does not exist has no password."""
    assert await passwords.verify(password, None) == Mismatch()


def _cpu(passwords: Passwords, stored: str | None) -> float:
    """CPU seconds of one verification: the least of three, since other programs use the machine."""
    least = 9e9
    for _ in range(3):
        begun = time.thread_time()
        passwords._verified(b"a wrong password", stored)
        least = min(least, time.thread_time() - begun)
    return least


def test_unknown_principal_takes_as_long_as_a_known_one() -> None:
    """Verification without a hash, or with a damaged one, takes as long as with a good one."""
    passwords = Passwords()
    somebody = _cpu(passwords, passwords.hash_now(PASSWORD))
    for stored in (None, "damaged", "$2b$99$damaged"):
        assert 0.4 < _cpu(passwords, stored) / somebody < 2.5


# Choosing one --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("ü" * 7, "at least 8"),
        ("x" * 1025, "at most 1024 bytes"),
        ("😀" * 257, "at most 1024 bytes"),
        ("password", "guessed first"),
        ("PassWord123", "guessed first"),
        ("acme-2026", "guessed first"),
        ("Alice.Smith", "user name"),
    ],
)
async def test_a_bad_choice_is_explained(password: str, says: str) -> None:
    """An unacceptable password has an explanation; hashing it is an error."""
    passwords = Passwords(cost=CHEAP, common=["ACME-2026"])
    assert says in (passwords.unacceptable(password, "alice.smith") or "")
    with pytest.raises(ConfigurationError, match=says):
        await passwords.hash(password, "alice.smith")
    with pytest.raises(ConfigurationError, match=says):
        passwords.hash_now(password, "alice.smith")


@pytest.mark.parametrize("password", ["8 chars!", PASSWORD, "😀" * 64, "x" * 1024, "        a"])
def test_a_good_choice_needs_no_rules(passwords: Passwords, password: str) -> None:
    """No composition rules; 64 characters of any kind fit (ASVS 6.2.5, 6.2.9)."""
    assert passwords.unacceptable(password) is None


def test_the_common_ones_are_long_enough_to_matter() -> None:
    """A shorter one would be refused anyway; the comparison is in lower case."""
    assert all(len(one) >= 8 and one == one.casefold() for one in common_passwords())
    assert len(common_passwords()) > 6_000


async def test_a_huge_password_is_not_hashed(passwords: Passwords) -> None:
    """Megabytes do not reach the threads; this holds for every principal, so it tells nothing."""
    huge = "x" * 5_000_000
    for stored in (None, ARGON2):
        assert await passwords.verify(huge, stored) == Mismatch()
        assert await await_costs_less(0.1, partial(passwords.verify, huge, stored))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"threads": 0}, "threads >= 1"),
        ({"queue": -1}, "queue >= 0"),
        ({"min_length": 7}, "min_length must be 8"),
        ({"max_bytes": 255}, "max_bytes must be 256"),
        ({"min_length": 100, "max_bytes": 399}, "max_bytes must be 400"),
    ],
)
def test_options_that_weaken_are_refused(options: dict[str, int], says: str) -> None:
    """Short passwords, or none that fits, are not an option."""
    with pytest.raises(ConfigurationError, match=says):
        Passwords(**options)  # type: ignore[arg-type]


# Threads -------------------------------------------------------------------------------------


class Gate:
    """Work that goes on when it is told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.names: list[str] = []

    def __call__(self) -> str:
        """Wait for the gate."""
        self.names.append(threading.current_thread().name)
        self.entered.release()
        assert self.open.wait(30)
        return "done"


async def settle(gate: Gate, count: int) -> None:
    """Wait until `count` verifications are running."""
    for _ in range(count):
        await asyncio.to_thread(gate.entered.acquire)


async def test_the_queue_is_bounded() -> None:
    """Two at work, one waiting; the fourth is told to come back, at once."""
    passwords, gate = Passwords(cost=CHEAP, threads=2, queue=1), Gate()
    running = [asyncio.create_task(passwords._run(gate)) for _ in range(3)]
    await settle(gate, 2)
    assert passwords.full(first=False)
    assert await passwords.verify(PASSWORD, ARGON2) == Busy(retry_after=1)
    assert await passwords.hash(PASSWORD) == Busy()
    gate.open.set()
    assert await asyncio.gather(*running) == ["done"] * 3
    assert not passwords.full(first=False)
    assert await passwords.verify(PASSWORD, ARGON2) == Match(upgrade=True)
    assert all(name.startswith("stormdoor-passwords") for name in gate.names)


async def test_a_client_that_leaves_does_not_free_the_place() -> None:
    """The work goes on; otherwise a client that hangs up quickly could fill the machine."""
    passwords, gate = Passwords(cost=CHEAP, threads=1, queue=0), Gate()
    running = asyncio.create_task(passwords._run(gate))
    await settle(gate, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await passwords.verify(PASSWORD, ARGON2) == Busy()
    gate.open.set()
    await asyncio.wrap_future(passwords._pool.submit(lambda: None))  # after the work before it
    assert await passwords.verify(PASSWORD, ARGON2) == Match(upgrade=True)


async def test_a_client_that_leaves_while_waiting_frees_the_place() -> None:
    """Work that has not begun is dropped."""
    passwords, gate = Passwords(cost=CHEAP, threads=1, queue=1), Gate()
    first = asyncio.create_task(passwords._run(gate))
    await settle(gate, 1)
    second = asyncio.create_task(passwords._run(gate))
    await asyncio.sleep(0)
    assert passwords.full(first=False)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not passwords.full(first=False)
    gate.open.set()
    assert await first == "done"


async def test_an_error_in_the_thread_frees_the_place() -> None:
    """An exception in the thread reaches the caller, and the next verification can run."""

    def fail() -> None:
        raise MemoryError

    passwords = Passwords(cost=CHEAP, threads=1, queue=0)
    for _ in range(3):
        with pytest.raises(MemoryError):
            await passwords._run(fail)
    assert not passwords.full(first=False)


async def test_verification_after_closing_is_busy(passwords: Passwords) -> None:
    """A server that shuts down answers *busy*, not *wrong*."""
    passwords.close()
    assert await passwords.verify(PASSWORD, ARGON2) == Busy()
    assert not passwords.full(first=False)
    passwords.close()


async def test_a_failing_argon2_is_no_match(passwords: Passwords) -> None:
    """Parameters that cannot be computed refuse, and tell the operator."""
    stored = "$argon2id$v=19$m=7168,t=5,p=16777216$c29tZXNhbHQ$" + "A" * 43
    verdict = await passwords.verify(PASSWORD, stored)
    assert isinstance(verdict, Mismatch)
    assert verdict.detail
