"""Enrol second factors. A factor is accepted only after its owner has used it successfully once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stormdoor.auth.factors import recovery, totp
from stormdoor.auth.factors.passkey import NotProved, challenge_of
from stormdoor.auth.factors.second_factor import FactorParts, belongs_to
from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.pending import Pending
from stormdoor.core.session import Session
from stormdoor.errors import StoreError, StoreUnavailable

__all__ = ["Enrolled", "Enrolment", "TotpEnrolment"]

_MAX_FACTORS = 16
_MAX_NAME = 64
_TOTP = "totp-enrolment"
_PASSKEY = "passkey-enrolment"


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """A TOTP secret that waits for its first code. Shown once.

    Attributes:
        id: Id for the confirmation.
        secret: In base32, for a user who types it.
        uri: `otpauth://...`, for an application.
        qr: The URI as a picture (SVG).
        expires_in: Seconds.
    """

    id: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr: str = field(repr=False)
    expires_in: float


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new factor.

    Attributes:
        factor: As it is stored.
        recovery_codes: With the first factor: codes for a user who has lost it. Shown once.
    """

    factor: Factor
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


class Enrolment:
    """Enrols the second factors of principals.

    Args:
        parts: Store, clock, options and keys.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: FactorParts) -> None:
        self._parts = parts

    async def begin_totp(self, session: Session) -> TotpEnrolment:
        """Create a secret, for the owner of `session` to add to an authenticator application.

        Raises:
            ConfigurationError: The guard has no key to seal it with, or the extra is not installed.
            StoreUnavailable: The store does not answer.
        """
        secret_box = self._parts.needed_secret_box()
        secret, id = totp.new_secret(), secrets.token_urlsafe(24)
        uri = totp.uri(secret, account=session.principal_id, issuer=self._parts.options.name)
        await self._parts.put(
            id,
            _TOTP,
            principal_id=session.principal_id,
            session_id=session.id,
            data={"secret": secret_box.seal(secret, belongs_to=f"{_TOTP} {session.principal_id}")},
        )
        return TotpEnrolment(
            id, totp.base32(secret), uri, totp.qr_svg(uri), self._parts.options.pending_seconds
        )

    async def confirm_totp(
        self, session: Session, id: str, code: str, *, name: str = ""
    ) -> Enrolled | Refusal:
        """Enrol the secret if `code` is one of its present codes. The code cannot be used again.

        Raises:
            ConfigurationError: As `begin_totp`.
            StoreUnavailable: The store does not answer.
        """
        secret_box, owner = self._parts.needed_secret_box(), session.principal_id
        now = self._parts.clock.now()
        pending = await self._parts.state.pendings.pending(fingerprint(id), _TOTP)
        if pending is None or not _is_of(pending, session) or not pending.alive(now):
            return Refusal(Denial.BAD_CREDENTIAL, "no such enrolment; begin it anew")
        opened = secret_box.open(str(pending.data["secret"]), belongs_to=f"{_TOTP} {owner}")
        step = None if opened is None else totp.step_of(opened.secret, code, now)
        if opened is None or step is None:
            return Refusal(Denial.BAD_CREDENTIAL, "the code is not one of the new secret")
        if await self._parts.state.pendings.take_pending(pending.id, _TOTP) is None:
            return Refusal(Denial.BAD_CREDENTIAL, "the enrolment has been confirmed already")
        factor_id = secrets.token_hex(8)
        return await self._enrol(
            Factor(
                id=factor_id,
                principal_id=owner,
                kind=FactorKind.TOTP,
                name=_name(name, "authenticator"),
                secret=secret_box.seal(opened.secret, belongs_to=belongs_to(owner, factor_id)),
                counter=step,
                created_at=now,
            )
        )

    async def begin_passkey(self, session: Session, *, origin: str) -> dict[str, Any] | Refusal:
        """Return the argument of `navigator.credentials.create()`, for the owner of `session`.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer.
        """
        known = await self._parts.passkeys_of(session.principal_id)
        user = next((str(one.details["user"]) for one in known if "user" in one.details), None)
        user = secrets.token_urlsafe(32) if user is None else user
        challenge = self._parts.passkeys.new_challenge()
        try:
            options = self._parts.passkeys.registration_options(
                origin=origin,
                challenge=challenge,
                user=user,
                account=session.principal_id,
                known=known,
            )
        except NotProved as error:
            return Refusal(Denial.BAD_CREDENTIAL, str(error))
        await self._parts.put(
            challenge.hex(),
            _PASSKEY,
            principal_id=session.principal_id,
            session_id=session.id,
            data={"user": user, "origin": origin},
        )
        return options

    async def confirm_passkey(
        self, session: Session, credential: Mapping[str, object], *, origin: str, name: str = ""
    ) -> Enrolled | Refusal:
        """Enrol the result of `navigator.credentials.create()`.

        Raises:
            ConfigurationError: The extra is not installed.
            StoreUnavailable: The store does not answer.
        """
        try:
            challenge = challenge_of(credential)
            # INVARIANT: removed before it is verified: a challenge is answered once, correctly or not.
            pending = await self._parts.state.pendings.take_pending(
                fingerprint(challenge.hex()), _PASSKEY
            )
            if (
                pending is None
                or not _is_of(pending, session)
                or not pending.alive(self._parts.clock.now())
            ):
                raise NotProved("no such challenge; begin anew")
            if pending.data["origin"] != origin:
                raise NotProved("the challenge was made for another page")
            new = self._parts.passkeys.register(
                credential, origin=origin, challenge=challenge, user=str(pending.data["user"])
            )
        except NotProved as error:
            return Refusal(Denial.BAD_CREDENTIAL, f"no passkey was enrolled: {error}")
        return await self._enrol(
            Factor(
                id=secrets.token_hex(8),
                principal_id=session.principal_id,
                kind=FactorKind.PASSKEY,
                name=_name(name, "passkey"),
                secret=new.public_key,
                handle=new.handle,
                counter=new.counter,
                created_at=self._parts.clock.now(),
                details=new.details,
            )
        )

    async def _enrol(self, factor: Factor) -> Enrolled | Refusal:
        before = await self._parts.state.factors.factors(factor.principal_id)
        if len(before) >= _MAX_FACTORS:
            return Refusal(Denial.BAD_CREDENTIAL, f"{_MAX_FACTORS} factors are enough; remove one")
        try:
            added = AccountChange(factor.principal_id, Right.FACTOR, factor.id, lowers=False)
            await self._parts.state.factors.add_factor(factor, entry=self._parts.entry(added))
        except StoreUnavailable:
            raise
        except StoreError as error:
            return Refusal(Denial.BAD_CREDENTIAL, f"it cannot be enrolled: {error}")
        codes = () if before else await self.new_recovery_codes(factor.principal_id)
        return Enrolled(factor, codes)

    async def new_recovery_codes(self, principal_id: str) -> tuple[str, ...]:
        """Return ten new codes, and delete the older ones. The store keeps only their hashes."""
        codes = tuple(recovery.new_code() for _ in range(recovery.CODES))
        await self._parts.state.recovery_codes.set_recovery_codes(
            principal_id,
            map(recovery.code_hash, codes),
            entry=self._parts.entry(AccountChange(principal_id, Right.RECOVERY_CODES)),
        )
        return codes


def _name(name: str, otherwise: str) -> str:
    printable = "".join(letter for letter in name if letter.isprintable()).strip()
    return printable[:_MAX_NAME] or otherwise


def _is_of(pending: Pending, session: Session) -> bool:
    return pending.session_id == session.id and pending.principal_id == session.principal_id
