"""Base class of the routes of second factors."""

from __future__ import annotations

from typing import Any

import msgspec

from stormdoor.auth.factors.presented import (
    PasskeyProof,
    Proof,
    RecoveryProof,
    TotpProof,
    VerifiedFactor,
)
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.tornado.login_route import CHANGED, LoginRoute
from stormdoor.tornado.session_handler import Caller

__all__ = ["FactorBody", "FactorRoute"]


class FactorBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request that presents a factor: exactly one field is set."""

    totp: str | None = None
    recovery_code: str | None = None
    passkey: dict[str, Any] | None = None
    password: str | None = None


class FactorRoute(LoginRoute):
    """Base class of the routes of second factors: reads and verifies a factor, and renews the session."""

    @property
    def page(self) -> str:
        """Return the Origin header of the request, which a passkey is bound to."""
        return self.handshake.origin or ""

    def read_factor(self) -> FactorBody:
        """Return the factor of the body.

        Raises:
            Finish: There is not exactly one, and the client has got a 400.
        """
        body = self.read_body(FactorBody)
        given = [body.totp, body.recovery_code, body.passkey, body.password]
        if sum(one is not None for one in given) != 1:
            self.stop(Refusal(Denial.INVALID_MESSAGE, "present exactly one thing"))
        return body

    async def judge(
        self, account: Account, body: FactorBody, binding: str
    ) -> VerifiedFactor | Refusal:
        """Verify the factor. A failure is counted for the account, and for the client's address."""
        refusal = await self.guard.checks.auth_failures_exceeded(self.address_key)
        if refusal is not None:
            return refusal
        outcome = await self.guard.factors.judge(account, self._proof(body, binding))
        if isinstance(outcome, Refusal) and outcome.denial is Denial.BAD_CREDENTIAL:
            self.guard.checks.record_auth_failure(self.address_key)
        return outcome

    def _proof(self, body: FactorBody, binding: str) -> Proof:
        if body.totp is not None:
            return TotpProof(body.totp)
        if body.recovery_code is not None:
            return RecoveryProof(body.recovery_code)
        return PasskeyProof(credential=body.passkey or {}, origin=self.page, binding=binding)

    async def log_in(self, proved: VerifiedFactor, how: str) -> None:
        """Create a session for a principal that has proved all required factors."""
        caller = await self.begin_session(
            proved.account,
            replacing=self.cookie_secret,
            strength=proved.strength,
            proved=proved,
        )
        await self.guard.follower.follow()
        if caller is None:
            self.stop(CHANGED, principal=proved.account.id)
        self.clear_pending_cookie()
        await self.note_use(proved, "login")
        self.note("authn_login_success", caller.account.id, how)
        self.answer_or_go(self.describe(caller), self.arrival)

    async def note_use(self, proved: VerifiedFactor, where: str) -> None:
        """Record that a factor was used, and how many recovery codes are left."""
        detail = f"{proved.method} {proved.factor_id}".strip()
        if proved.kind is None:
            detail += (
                f", {await self.guard.state.recovery_codes.recovery_codes(proved.account.id)} left"
            )
        self.note("authn_factor_used", proved.account.id, f"{detail}, for {where}")

    def send_options(self, options: dict[str, Any] | Refusal, *, principal: str = "") -> None:
        """Send the argument of `navigator.credentials.get()` or `.create()`, or the refusal."""
        if isinstance(options, Refusal):
            self.stop(options, principal=principal)
        self.answer({"publicKey": options})

    async def renew(self, caller: Caller, *, authenticated: bool, strength: int) -> Caller | None:
        """Give the session a new id and cookie. Its open sockets then belong to the new id.

        Returns None, after sending 401, if the session has ended.
        """
        issued = await self.guard.sessions.rotate(
            caller.session, authenticated=authenticated, strength=strength, moving=True
        )
        if issued is None:
            self.refuse(Refusal(Denial.NO_CREDENTIAL, "the session has ended"))
            return None
        await self.guard.follower.follow()
        self.set_session_cookie(issued.secret)
        return Caller(issued.session, caller.account)
