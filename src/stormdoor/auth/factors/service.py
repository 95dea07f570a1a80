"""The service for second factors: verifies, lists and removes them.

An attacker can guess a code of six digits in a million attempts. Wrong codes are therefore counted in the
store, per account, from all addresses and nodes. Five in a row cause no delay; after each further one the
delay is longer (ASVS 6.3.1). Passkeys and recovery codes cannot be guessed and stay usable meanwhile.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from stormdoor.auth.factors import recovery
from stormdoor.auth.factors.enrolment import Enrolment
from stormdoor.auth.factors.passkey import NotProved, Passkeys, challenge_of, handle_of
from stormdoor.auth.factors.presented import (
    PasskeyProof,
    Proof,
    RecoveryProof,
    TotpProof,
    VerifiedFactor,
)
from stormdoor.auth.factors.second_factor import FactorParts, SecondFactor, belongs_to
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.auth.factors.totp import looks_like_code, step_of
from stormdoor.core.account import Account
from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.backoff import Backoff, Failures, charged, wait
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.ports import Clock, StoredState

__all__ = ["WRONG_CODES", "FactorService"]

_log = logging.getLogger("stormdoor.factors")

WRONG_CODES = Backoff(free=5, first=1.0, cap=300.0, forget=86_400.0)
"""For all attempts at one account: at most 288 a day. Three codes are valid at any time.

An attacker with the password then needs about 800 days for even odds.
"""

_MOST_AHEAD = 10_000
_CHALLENGE = "passkey-challenge"
_ALONE = "passkey-login"


class FactorService:
    """Second factors of the built-in login.

    Args:
        state: State of the factors.
        clock: Source of the time.
        options: Settings of second factors.
        secret_box: Seals the secrets of TOTP; None if no key was given, and then TOTP is not available.
        backoff: Delays after wrong codes.
        max_unauthenticated: Limit of unfinished logins with only a passkey.

    Attributes:
        options: As given.
        enrolment: Enrols factors.
    """

    def __init__(
        self,
        state: StoredState,
        clock: Clock,
        *,
        options: SecondFactor | None = None,
        secret_box: SecretBox | None = None,
        backoff: Backoff = WRONG_CODES,
        max_unauthenticated: int = 10_000,
    ) -> None:
        self.options = SecondFactor() if options is None else options
        passkeys = Passkeys(self.options.name, self.options.rp_id)
        self._parts = FactorParts(
            state, clock, self.options, secret_box, passkeys, max_unauthenticated
        )
        self._backoff = backoff
        self._ahead: dict[str, tuple[int, float, float]] = {}
        """Number and time of failures of which the time is ahead of this clock, and when they were read."""
        self.enrolment = Enrolment(self._parts)

    @property
    def has_key(self) -> bool:
        """Return whether there is a key, so that TOTP can be enrolled."""
        return self._parts.secret_box is not None

    async def factors(self, principal_id: str) -> list[Factor]:
        """Return the factors of a principal, oldest first."""
        return await self._parts.state.factors.factors(principal_id)

    async def methods(self, principal_id: str) -> tuple[str, ...]:
        """Return the methods that the principal can use: `totp`, `passkey`, `recovery_code`."""
        kinds = {factor.kind for factor in await self._parts.state.factors.factors(principal_id)}
        found = [kind.value for kind in FactorKind if kind in kinds]
        if found and await self._parts.state.recovery_codes.recovery_codes(principal_id):
            found.append("recovery_code")
        return tuple(found)

    async def has(self, proved: VerifiedFactor) -> bool:
        """Return whether a verified factor has not been removed since. Recovery codes need any factor."""
        present = {one.id for one in await self.factors(proved.account.id)}
        return proved.factor_id in present if proved.kind is not None else bool(present)

    async def remove(self, id: str, *, owner: str) -> Factor | None:
        """Remove a factor of `owner`. Returns it; None if the owner has no such factor."""
        found = next(
            (one for one in await self._parts.state.factors.factors(owner) if one.id == id), None
        )
        removed = await self._parts.state.factors.remove_factor(
            id, owner, change=self._parts.entry(AccountChange(owner, Right.FACTOR, id))
        )
        return None if removed is None else found

    async def challenge(
        self, *, origin: str, binding: str, principal_id: str | None = None
    ) -> dict[str, Any] | Refusal:
        """Return the argument of `navigator.credentials.get()`.

        Args:
            origin: Origin of the page.
            binding: The session or pending login that the answer must belong to.
            principal_id: Principal with the acceptable passkeys; None for a login with only a passkey.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer.
        """
        alone = principal_id is None
        known = [] if principal_id is None else await self._parts.passkeys_of(principal_id)
        if not alone and not known:
            return Refusal(Denial.BAD_CREDENTIAL, "the principal has no passkey")
        challenge = self._parts.passkeys.new_challenge()
        try:
            options = self._parts.passkeys.request_options(
                origin=origin, challenge=challenge, known=known, alone=alone
            )
        except NotProved as error:
            return Refusal(Denial.BAD_CREDENTIAL, str(error))
        stored = await self._parts.put(
            challenge.hex(),
            _ALONE if alone else _CHALLENGE,
            principal_id=principal_id,
            data={"origin": origin, "binding": binding, "epoch": self._parts.state.epoch.epoch},
        )
        return options if stored else Refusal(Denial.BUSY, "too many logins are unfinished", 5)

    async def judge(self, account: Account, proof: Proof) -> VerifiedFactor | Refusal:
        """Verify a second factor of `account`, after the first one.

        Returns:
            The proved factor; or `BAD_CREDENTIAL`, `BACKOFF` with `retry_after`, or `UNAVAILABLE` if the
            secrets cannot be unsealed.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer; a wrong code stays charged.
        """
        match proof:
            case TotpProof():
                return await self._prove_totp(account, proof.code)
            case RecoveryProof():
                return await self._prove_recovery(account, proof.code)
            case PasskeyProof():
                return await self._prove_passkey(proof, account)

    async def judge_alone(self, proof: PasskeyProof) -> VerifiedFactor | Refusal:
        """Verify a passkey as the only factor: its device must have verified the user.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer.
        """
        return await self._prove_passkey(proof, None)

    async def prove(self, principal_id: str, *, totp: str) -> bool:
        """See `stormdoor.ports.SecondFactors`: for `stormdoor.prove` on an open connection.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer; a wrong code stays charged.
        """
        account = await self._parts.state.accounts.account(principal_id)
        if account is None or account.disabled:
            return False
        return isinstance(await self.judge(account, TotpProof(totp)), VerifiedFactor)

    async def _prove_totp(self, account: Account, code: str) -> VerifiedFactor | Refusal:
        if not looks_like_code(code):
            return Refusal(Denial.BAD_CREDENTIAL, "a code has six digits")
        own = await self._parts.state.factors.factors(account.id)
        candidates = [one for one in own if one.kind is FactorKind.TOTP]
        if not candidates:
            return Refusal(Denial.BAD_CREDENTIAL, "the principal has no TOTP")
        secrets_of = self._opened(candidates)
        if not secrets_of:
            return Refusal(Denial.UNAVAILABLE, "no secrets_key opens the secrets of TOTP")
        refusal = await self._charge(account.id)
        if refusal is not None:
            return refusal
        # INVARIANT: from here on the attempt is charged as wrong, until the code has been verified.
        now = self._parts.clock.now()
        for factor, secret, stale in secrets_of:
            step = step_of(secret, code, now)
            if step is None:
                continue
            use = AccountChange(account.id, Right.FACTOR_USE, factor.id, counter=step)
            if not await self._parts.state.factors.use_factor(
                factor.id, counter=step, at=now, entry=use.entry(now)
            ):
                return Refusal(Denial.BAD_CREDENTIAL, "the code was used before: a replay")
            await self._forgive(account.id)
            if stale:
                await self._seal_anew(factor, secret)
            return VerifiedFactor(
                account=account, kind=FactorKind.TOTP, factor_id=factor.id, at=now
            )
        return Refusal(Denial.BAD_CREDENTIAL, "the code is wrong")

    async def _prove_recovery(self, account: Account, code: str) -> VerifiedFactor | Refusal:
        if not recovery.looks_like_recovery_code(code):
            return Refusal(Denial.BAD_CREDENTIAL, "it is not a recovery code")
        entry = self._parts.entry(AccountChange(account.id, Right.RECOVERY_USE))
        if not await self._parts.state.recovery_codes.use_recovery_code(
            account.id, recovery.code_hash(code), entry=entry
        ):
            return Refusal(Denial.BAD_CREDENTIAL, "no such recovery code, or it was used before")
        return VerifiedFactor(account=account, kind=None, factor_id="", at=self._parts.clock.now())

    async def _prove_passkey(
        self, proof: PasskeyProof, account: Account | None
    ) -> VerifiedFactor | Refusal:
        alone = account is None
        purpose = _ALONE if alone else _CHALLENGE
        try:
            challenge = challenge_of(proof.credential)
            pending = await self._parts.state.pendings.take_pending(
                fingerprint(challenge.hex()), purpose
            )
            if pending is None or not pending.alive(self._parts.clock.now()):
                raise NotProved("no such challenge, or it was answered before")
            if self._parts.state.epoch.is_later_than(pending.data.get("epoch")):
                raise NotProved("the challenge is from before a change of the log; begin anew")
            if pending.data["binding"] != proof.binding or pending.data["origin"] != proof.origin:
                raise NotProved("the challenge was made for another principal or page")
            found = await self._parts.state.factors.factor_by_handle(handle_of(proof.credential))
            if found is None:
                raise NotProved("no principal has this passkey")
            factor, owner = found
            if account is not None and owner.id != account.id:
                raise NotProved("the passkey belongs to another principal")
            assertion = self._parts.passkeys.verify(
                proof.credential,
                factor=factor,
                origin=proof.origin,
                challenge=challenge,
                alone=alone,
            )
        except NotProved as error:
            return Refusal(Denial.BAD_CREDENTIAL, f"passkey: {error}")
        now = self._parts.clock.now()
        use = AccountChange(owner.id, Right.FACTOR_USE, factor.id, counter=assertion.counter)
        if not await self._parts.state.factors.use_factor(
            factor.id,
            counter=assertion.counter,
            at=now,
            # A passkey without a counter has none that a failover could set back.
            entry=use.entry(now) if assertion.counter else None,
        ):
            return Refusal(
                Denial.BAD_CREDENTIAL,
                f"the counter of passkey {factor.id} did not grow: there may be a copy of it",
            )
        return VerifiedFactor(
            account=owner,
            kind=FactorKind.PASSKEY,
            factor_id=factor.id,
            at=now,
            user_verified=assertion.user_verified,
        )

    async def _charge(self, principal_id: str) -> Refusal | None:
        """Check whether an attempt is allowed, and count it as wrong in the same step."""
        state = self._parts.state
        for _ in range(16):
            count, last = await state.factors.factor_failures(principal_id)
            now = self._parts.clock.now()
            if last > now:
                # This clock was set back, or another node's is ahead. The wait is counted here, or it would
                # last until that time. INVARIANT: the stored time does not move back before the next
                # attempt: the node that is ahead would take the difference for time that has passed.
                last = now - self._seconds_known(principal_id, count, last)
            known = Failures(count, last) if count else None
            seconds = wait(known, now, self._backoff)
            if seconds > 0.0:
                return Refusal(Denial.BACKOFF, "too many wrong codes", math.ceil(seconds))
            new = charged(known, now, self._backoff)
            if await state.factors.set_factor_failures(
                principal_id, new.count, now, expected=count
            ):
                return None
        return Refusal(Denial.BUSY, "too many codes at once", 1)

    def _seconds_known(self, principal_id: str, count: int, last: float) -> float:
        """Return the seconds since this process first read a number of failures with a time ahead of it."""
        monotonic = self._parts.clock.monotonic()
        seen = self._ahead.pop(principal_id, None)
        if seen is None or seen[:2] != (count, last):
            seen = (count, last, monotonic)
        self._ahead[principal_id] = seen
        if len(self._ahead) > _MOST_AHEAD:
            del self._ahead[next(iter(self._ahead))]
        return monotonic - seen[2]

    async def _forgive(self, principal_id: str) -> None:
        count, _ = await self._parts.state.factors.factor_failures(principal_id)
        await self._parts.state.factors.set_factor_failures(principal_id, 0, 0.0, expected=count)

    def _opened(self, factors: Sequence[Factor]) -> list[tuple[Factor, bytes, bool]]:
        found = []
        for factor in factors:
            purpose = belongs_to(factor.principal_id, factor.id)
            opened = None
            if self._parts.secret_box is not None:
                opened = self._parts.secret_box.open(factor.secret, belongs_to=purpose)
            if opened is None:
                _log.error("no secrets_key opens the factor %s; it counts for nothing", factor.id)
            else:
                found.append((factor, opened.secret, opened.stale))
        return found

    async def _seal_anew(self, factor: Factor, secret: bytes) -> None:
        purpose = belongs_to(factor.principal_id, factor.id)
        sealed = self._parts.needed_secret_box().seal(secret, belongs_to=purpose)
        await self._parts.state.factors.reseal_factor(factor.id, factor.secret, sealed)
