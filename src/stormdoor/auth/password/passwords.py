"""Password hashes (Argon2id), computed outside the event loop, as slowly for an unknown principal.

A password is used as typed: neither truncated, trimmed nor normalised (ASVS 6.2.8).
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError, VerifyMismatchError

from stormdoor.auth.password.common_passwords import common_passwords
from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

_checkpw: Callable[[bytes, bytes], bool] | None
try:
    from bcrypt import checkpw as _checkpw
except ImportError:  # the extra `bcrypt` is not installed
    _checkpw = None

__all__ = [
    "OWASP",
    "RFC_9106_LOW_MEMORY",
    "Argon2Cost",
    "Busy",
    "Match",
    "Mismatch",
    "Passwords",
]

_HASH_BYTES = 32
_SALT_BYTES = 16
_LEAST_WORK = (
    35_840  # KiB × passes; the weakest setting that OWASP considers equivalent (7 MiB, 5 passes)
)
_LEAST_MEMORY = 7_168
_BCRYPT = ("$2a$", "$2b$", "$2y$")
_BCRYPT_BYTES = 72  # bcrypt never used more bytes; newer versions refuse more
_SHORTEST = 8  # ASVS 6.2.1
_LONGEST = 256  # 64 characters of four bytes must fit (ASVS 6.2.9)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Cost:
    """The cost of one hash.

    Attributes:
        memory_kib: Memory, KiB.
        passes: Passes over it.
        lanes: Threads that share the work.
    """

    memory_kib: int
    passes: int
    lanes: int = 1

    def __post_init__(self) -> None:
        """Reject a cost below every recommendation.

        Raises:
            ConfigurationError: It is cheaper than the OWASP Password Storage Cheat Sheet allows.
        """
        if (
            self.passes < 1
            or self.lanes < 1
            or self.memory_kib < _LEAST_MEMORY
            or self.memory_kib * self.passes < _LEAST_WORK
        ):
            raise ConfigurationError(
                "Argon2 is set too cheap; write Argon2Cost(memory_kib=19_456, passes=2) or more, "
                f"not memory_kib={self.memory_kib}, passes={self.passes}, lanes={self.lanes}"
            )


OWASP = Argon2Cost(memory_kib=19_456, passes=2)
"""OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes. About 20 ms of one processor."""

RFC_9106_LOW_MEMORY = Argon2Cost(memory_kib=65_536, passes=3, lanes=4)
"""RFC 9106 §4, second recommended option: 64 MiB, 3 passes, 4 lanes."""


@dataclass(frozen=True, slots=True)
class Match:
    """The password is correct.

    Attributes:
        upgrade: The stored hash is bcrypt or has other parameters; store a new one.
    """

    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The password is wrong, or there is no hash to compare with.

    Attributes:
        detail: For the operator, if the reason is not the password; never shown to the client.
    """

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """The limit of concurrent hashes is reached; nothing was verified.

    Attributes:
        retry_after: Whole seconds.
    """

    retry_after: int = 1


def _encoded(password: str) -> bytes:
    # "surrogatepass": JSON can spell half a surrogate pair; it matches nothing, but must not raise.
    return password.encode("utf-8", "surrogatepass")


def _stand_in(cost: Argon2Cost) -> str:
    """Return a random text in the form of a hash, which no password matches, and as slow to verify."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).rstrip(b"=").decode()
        for length in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


_MOST_THREADS = 2
_NICENESS = 5  # of the hashing threads: the event loop has priority if processors are few


def _step_back() -> None:
    """Lower the priority of the calling thread, on Linux; other systems have no priority per thread."""
    if sys.platform == "linux":
        with suppress(OSError):
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, now + _NICENESS)


def _processors() -> int:
    """Return the number of processors that the process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], Any]
    future: Future[Any]


class Passwords:
    """Hashes and verifies passwords in a few threads, with a bounded queue.

    Argon2 and bcrypt release the interpreter while they compute, and their threads have a lower priority,
    so the event loop keeps its processor. Logins beyond the queue get `Busy`. A login marked as `first`
    overtakes the others and has a separate queue, so that a flood of guesses does not block it.

    While an old hash (bcrypt, other parameters) is in the store, its verification takes another time than
    that of an unknown principal. So an attacker can tell that the principal exists. The first login
    replaces the hash.

    Args:
        cost: Cost of new hashes. A stored hash of another cost is flagged for an upgrade.
        threads: Number of hashes computed at once. None for one on each processor that the process may use,
            two at most; more would only make each of them slower.
        queue: Number of jobs that may wait, and as many of those marked as `first`.
        min_length: Characters of a new password at least.
        max_bytes: Bytes of a password at most; a longer one is refused before it is hashed.
        common: Further passwords that may not be chosen.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        *,
        cost: Argon2Cost = OWASP,
        threads: int | None = None,
        queue: int = 32,
        min_length: int = _SHORTEST,
        max_bytes: int = 1024,
        common: Iterable[str] = (),
    ) -> None:
        if threads is None:
            threads = min(_MOST_THREADS, _processors())
        if threads < 1 or queue < 0:
            raise ConfigurationError(
                f"passwords need threads >= 1 and queue >= 0, not {threads} and {queue}"
            )
        if min_length < _SHORTEST:
            raise ConfigurationError(f"min_length must be {_SHORTEST} or more, not {min_length}")
        if max_bytes < max(_LONGEST, 4 * min_length):
            raise ConfigurationError(
                f"max_bytes must be {max(_LONGEST, 4 * min_length)} or more, not {max_bytes}"
            )
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._stand_in = _stand_in(cost)
        self._min_length = min_length
        self._max_bytes = max_bytes
        self._common = frozenset(password.casefold() for password in common)
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="stormdoor-passwords", initializer=_step_back
        )
        self._places = threads + queue
        # By `first`: the number of unfinished jobs, and the jobs that wait for a thread.
        self._taken = {True: 0, False: 0}
        self._waiting: dict[bool, deque[_Job]] = {True: deque(), False: deque()}
        self._lock = threading.Lock()

    def full(self, *, first: bool) -> bool:
        """Return whether the next job is refused.

        Args:
            first: Whether the job is marked as `first`.
        """
        return self._taken[first] >= self._places

    def unacceptable(self, password: str, principal_id: str = "") -> str | None:
        """Return why `password` may not be chosen, for its owner; None if it may (ASVS 6.2)."""
        if len(password) < self._min_length:
            return f"use at least {self._min_length} characters"
        if len(_encoded(password)) > self._max_bytes:
            return f"use at most {self._max_bytes} bytes"
        folded = password.casefold()
        if folded in common_passwords() or folded in self._common:
            return "this password is one of those that are guessed first"
        if principal_id and folded == principal_id.casefold():
            return "the password must not be the user name"
        return None

    def hash_now(self, password: str, principal_id: str = "") -> str:
        """Hash in this thread, which blocks for tens of milliseconds. Do not call it in the event loop.

        Raises:
            ConfigurationError: The password is unacceptable; the message is for its owner.
        """
        self._check(password, principal_id)
        return self._hashed(password)

    async def hash(self, password: str, principal_id: str = "") -> str | Busy:
        """Return the Argon2id hash of a new password, for the store.

        Raises:
            ConfigurationError: The password is unacceptable. To show the reason to a user, call
                `unacceptable` first.
        """
        self._check(password, principal_id)
        return await self._run(lambda: self._hashed(password))

    async def rehash(self, password: str) -> str | Busy:
        """Return a hash with the present parameters for a verified password of any length."""
        return await self._run(lambda: self._hashed(password))

    async def verify(
        self, password: str, stored: str | None, *, first: bool = False
    ) -> Match | Mismatch | Busy:
        """Return whether `stored` is a hash of `password`.

        Args:
            password: As it was typed.
            stored: The stored hash; None for a principal that does not exist or has no password,
                which takes as long as a wrong password.
            first: Whether it is verified before other waiting passwords.
        """
        typed = _encoded(password)
        if len(typed) > self._max_bytes:
            return Mismatch()  # reveals nothing about the principal: it applies to all
        return await self._run(lambda: self._verified(typed, stored), first=first)

    def close(self) -> None:
        """Stop the threads. Waiting jobs are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left = [job for lane in self._waiting.values() for job in lane]
            for lane in self._waiting.values():
                lane.clear()
        for job in left:
            job.future.cancel()

    def _check(self, password: str, principal_id: str) -> None:
        problem = self.unacceptable(password, principal_id)
        if problem is not None:
            raise ConfigurationError(problem)

    def _hashed(self, password: str) -> str:
        return self._hasher.hash(_encoded(password))

    def _verified(self, typed: bytes, stored: str | None) -> Match | Mismatch:
        if stored is None:
            return self._waste(typed, "")
        if stored.startswith(_BCRYPT):
            if _checkpw is None:
                advice = install_command("'stormdoor[bcrypt]'")
                return self._waste(typed, f"the hash is bcrypt; run {advice}")
            try:
                right = _checkpw(typed[:_BCRYPT_BYTES], stored.encode("utf-8"))
            except ValueError:
                return self._waste(typed, "the stored bcrypt hash is damaged")
            return Match(upgrade=True) if right else Mismatch()
        try:
            self._hasher.verify(stored, typed)
            return Match(upgrade=self._hasher.check_needs_rehash(stored))
        except VerifyMismatchError:
            return Mismatch()
        except ValueError:  # InvalidHashError is one, and a hash that is not ASCII raises one
            return self._waste(typed, "the stored hash is neither Argon2 nor bcrypt, or is damaged")
        except VerificationError as error:
            return Mismatch(f"Argon2 failed: {error}")

    def _waste(self, typed: bytes, detail: str) -> Mismatch:
        """Return a mismatch after the time of a real verification."""
        with suppress(VerificationError):
            self._hasher.verify(self._stand_in, typed)
        return Mismatch(detail)

    async def _run(self, work: Callable[[], Result], *, first: bool = False) -> Result | Busy:
        job = _Job(work, Future())
        lane = self._waiting[first]
        with self._lock:
            if self.full(first=first):
                return Busy()
            self._taken[first] += 1
            lane.append(job)
        # The job occupies its place until it is done, even if its client has disconnected.
        job.future.add_done_callback(lambda _: self._give_back(first=first))
        try:
            self._pool.submit(self._do_next)
        except RuntimeError:  # closed
            lane.remove(job)
            job.future.cancel()
            return Busy()
        return await asyncio.wrap_future(job.future)

    def _do_next(self) -> None:
        """Run the next waiting job, those marked as `first` before the others. Called once for each job."""
        with self._lock:
            job = (self._waiting[True] or self._waiting[False]).popleft()
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            job.future.set_result(job.work())
        except BaseException as error:  # noqa: BLE001 - the caller that awaits the future gets it
            job.future.set_exception(error)

    def _give_back(self, *, first: bool) -> None:
        with self._lock:
            self._taken[first] -= 1
