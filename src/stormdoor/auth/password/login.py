"""A login with a password: back-off, verification, upgrade of old hashes. It creates no session.

The answer does not reveal which principals exist: an unknown one is charged, verified (against a stand-in)
and refused in the same way and time as a known one (ASVS 6.3.8).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
from dataclasses import dataclass, replace

from stormdoor.auth.password.passwords import Busy, Mismatch, Passwords
from stormdoor.core.account import Account
from stormdoor.core.backoff import FAMILIAR_SECONDS, Guess, GuessRules
from stormdoor.core.denial import Denial, Refusal
from stormdoor.ports import Clock, StoredState

__all__ = ["LoggedIn", "Login"]

_MAX_USERNAME = 256
_MOST_ADDRESSES = 16
_DAY = 86_400.0


def _fingerprint(username: str, address_key: str) -> str:
    """Return the hash under which the store remembers that a username logged in from an address.

    The hash is for a short key, not for secrecy: sessions in the store contain the address as text.
    """
    pair = f"{username}\0{address_key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(pair).hexdigest()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Result of a login with the correct password.

    Attributes:
        account: The account, as it was read after the verification.
        upgraded: Whether an old hash was replaced.
    """

    account: Account
    upgraded: bool = False


class Login:
    """Verifies user names and passwords.

    An address that has logged in to the account before is familiar: failures at other addresses do not delay
    it, and its passwords are verified before theirs. The store remembers familiar addresses for 90 days.

    The store counts the failures, for all processes that share it. It gets the name only as a hash, because
    users sometimes type their password in the field of the name.

    Args:
        state: State of the accounts.
        passwords: Verifier of the passwords.
        clock: Source of the time. The start of this object and monotonic seconds count the delays, so that
            a wall clock that is set forth ends none.
        rules: The delays after failures.
        name_key: Secret for the hashes of names: of unknown ones in the trail, and of all in the counters of
            the store. Without it, the trail's hashes are random, and other ones in each process; those of
            the counters have no secret, so that all processes count the same names.
    """

    __slots__ = ("_clock", "_guess_key", "_name_key", "_passwords", "_rules", "_started", "_state")

    def __init__(
        self,
        state: StoredState,
        passwords: Passwords,
        clock: Clock,
        *,
        rules: GuessRules | None = None,
        name_key: bytes | None = None,
    ) -> None:
        self._state = state
        self._passwords = passwords
        self._clock = clock
        self._rules = GuessRules() if rules is None else rules
        self._started = clock.now() - clock.monotonic()
        self._guess_key = name_key or b"guesses without a secret"
        self._name_key = os.urandom(32) if name_key is None else name_key

    async def attempt(self, username: str, password: str, address_key: str) -> LoggedIn | Refusal:
        """Verify one user name and password.

        Args:
            username: The principal's id, as typed.
            password: As typed.
            address_key: Key of the client (`stormdoor.core.address.rate_key`).

        Returns:
            The account; or `BAD_CREDENTIAL`, `BACKOFF` or `BUSY`, with `retry_after` if waiting helps.

        Raises:
            StoreUnavailable: The store did not answer. An attempt that was charged stays charged.
        """
        if not 0 < len(username) <= _MAX_USERNAME:
            return Refusal(Denial.BAD_CREDENTIAL, "the user name is empty or too long to be one")
        place = _fingerprint(username, address_key)
        now = self._clock.now()
        seen_at = await self._state.addresses.address_seen(username, place)
        familiar = seen_at is not None and 0.0 <= now - seen_at < FAMILIAR_SECONDS
        if self._passwords.full(first=familiar):
            return _busy(Busy())
        guess = self._guess(username, address_key, familiar=familiar)
        guesses = self._state.guesses
        seconds = await guesses.charge_guess(guess, self._rules)
        if seconds > 0.0:
            return Refusal(Denial.BACKOFF, "too many failed logins", math.ceil(seconds))
        # INVARIANT: from here on the attempt is charged as a failure, until the password has been verified.
        account = await self._state.accounts.account(username)
        stored = None if account is None else account.password_hash
        verdict = await self._passwords.verify(password, stored, first=familiar)
        if isinstance(verdict, Busy):
            await guesses.give_back_guess(guess, self._rules, succeeded=False)
            return _busy(verdict)
        if isinstance(verdict, Mismatch):
            return await self._refused(guess, verdict.detail or "no such pair")
        replacement = await self._passwords.rehash(password) if verdict.upgrade else None
        # During the verification the account may have been changed or disabled.
        account = await self._state.accounts.account(username)
        if account is None or account.password_hash != stored:
            return await self._refused(guess, "the account changed during the login")
        if account.disabled:
            return await self._refused(guess, "the principal is disabled")
        await guesses.give_back_guess(guess, self._rules, succeeded=True)
        if seen_at is None or not 0.0 <= now - seen_at < _DAY:
            await self._state.addresses.remember_address(username, place, now, most=_MOST_ADDRESSES)
        if not isinstance(replacement, str):
            return LoggedIn(account)
        # In one step: a simultaneous change of the password is not overwritten.
        if stored is None or not await self._state.accounts.replace_password_hash(
            username, stored, replacement
        ):
            return await self._refused(guess, "the account changed during the login")
        return LoggedIn(replace(account, password_hash=replacement), upgraded=True)

    def _guess(self, username: str, address_key: str, *, familiar: bool) -> Guess:
        # The addresses have a length, so that no pair of texts has the key of another.
        address = f"{len(address_key)}:{address_key}"
        return Guess(
            account=self._key(f"account\0{username}"),
            pair=self._key(f"pair\0{address}\0{username}"),
            familiar=familiar,
            at=self._started + self._clock.monotonic(),
        )

    def _key(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._guess_key, data, "sha256").hex()

    async def known_as(self, username: str) -> str:
        """Return a form of a typed name that the trail and the log may contain.

        Returns:
            The principal's id if there is one; else a keyed fingerprint, which is the same for the same
            name: users sometimes type their password in the field of the name.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        account = None
        if len(username) <= _MAX_USERNAME:
            account = await self._state.accounts.account(username)
        if account is not None:
            return account.id
        typed = username.encode("utf-8", "surrogatepass")
        return f"unknown:{hmac.digest(self._name_key, typed, 'sha256').hex()[:16]}"

    async def _refused(self, guess: Guess, detail: str) -> Refusal:
        later = replace(guess, at=self._started + self._clock.monotonic())
        seconds = await self._state.guesses.guess_wait(later, self._rules)
        return Refusal(Denial.BAD_CREDENTIAL, detail, math.ceil(seconds) if seconds > 0.0 else None)


def _busy(busy: Busy) -> Refusal:
    return Refusal(Denial.BUSY, "too many logins at once", busy.retry_after)
