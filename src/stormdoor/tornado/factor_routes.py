"""Routes: the second step of a login, a login with a passkey alone, and step-up."""

from __future__ import annotations

import secrets

from tornado.web import RequestHandler

from stormdoor.auth.factors.presented import PasskeyProof, VerifiedFactor
from stormdoor.core.account import Account
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.needs import Needs
from stormdoor.guard.handshake_checks import LOGINS
from stormdoor.tornado.factor_route import FactorRoute
from stormdoor.tornado.login_route import PageRoute

__all__ = ["FACTOR_ROUTES", "SecondFactorPage"]

_TWO_FACTORS = 2
_NO_PENDING_LOGIN = Refusal(
    Denial.NO_CREDENTIAL, "no login waits for a second factor, or not any more"
)


class _SecondFactor(FactorRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        body = self.read_factor()
        secret = self.pending_secret
        account = None if secret is None else await self.guard.pending_logins.find(secret)
        if secret is None or account is None:
            self._failed(_NO_PENDING_LOGIN)
            return
        if body.password is not None:
            self._failed(Refusal(Denial.INVALID_MESSAGE, "a password is no second factor"))
            return
        outcome = await self.judge(account, body, fingerprint(secret))
        if isinstance(outcome, Refusal):
            self._failed(outcome, principal=account.id)
            return
        # INVARIANT: one pending login becomes one session, even if several codes are sent at once.
        if await self.guard.pending_logins.finish(secret) is None:
            self._failed(_NO_PENDING_LOGIN, principal=account.id)
            return
        await self.log_in(outcome, f"password and {outcome.method}")

    def _failed(self, refusal: Refusal, *, principal: str = "") -> None:
        if not self.from_form:
            self.refuse(refusal, principal=principal)
            return
        ref = self.guard.admission.refused(self.handshake, refusal, principal=principal).ref
        page, error = self.route_options.second_factor_page, refusal.answer.error
        if refusal is _NO_PENDING_LOGIN:
            page = self.route_options.login_page
            error = "too-late" if self.route_options.built_in_pages else error
        self.redirect(self.address(page, error, ref=ref), status=303)


class SecondFactorPage(PageRoute, _SecondFactor):
    """The second step of a login, with the page that asks for a code."""

    async def get(self) -> None:
        """Show the page; that of the login to a browser without the cookie of its pending login."""
        options = self.route_options
        if self.arrives:
            lost = self.pending_name not in self.handshake.cookies
            page = f"{options.prefix}/login" if lost else options.second_factor_page
            # Without the argument: the cookie expires while the page is open.
            self.redirect(self.address(page, signed_in=lost), status=303)
            return
        action = self.address(f"{options.prefix}/second-factor")
        self.show(self.pages.second_factor(action, self.asked_error, self.asked_ref))


class _SecondFactorOptions(FactorRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        secret = self.pending_secret
        account = None if secret is None else await self.guard.pending_logins.find(secret)
        if secret is None or account is None:
            self.stop(_NO_PENDING_LOGIN)
        options = await self.guard.factors.challenge(
            origin=self.page, binding=fingerprint(secret), principal_id=account.id
        )
        self.send_options(options, principal=account.id)


class _Passkey(FactorRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        body = self.read_factor()
        secret = self.pending_secret
        if secret is None or body.passkey is None:
            self.stop(_NO_PENDING_LOGIN)
        proof = PasskeyProof(credential=body.passkey, origin=self.page, binding=fingerprint(secret))
        outcome = await self.guard.checks.auth_failures_exceeded(self.address_key) or (
            await self.guard.factors.judge_alone(proof)
        )
        if isinstance(outcome, VerifiedFactor) and outcome.account.disabled:
            outcome = Refusal(Denial.BAD_CREDENTIAL, "the principal is disabled")
        if isinstance(outcome, Refusal):
            if outcome.denial is Denial.BAD_CREDENTIAL:
                self.guard.checks.record_auth_failure(self.address_key)
            self.stop(outcome)
        await self.log_in(outcome, "passkey")


class _PasskeyOptions(FactorRoute):
    counts_for = LOGINS
    begins_login = True

    async def post(self) -> None:
        # The cookie binds the answer to this browser: an attacker cannot log another user in under the
        # attacker's account.
        secret = secrets.token_urlsafe(32)
        options = await self.guard.factors.challenge(origin=self.page, binding=fingerprint(secret))
        self.set_pending_cookie(secret)
        self.send_options(options)


class _StepUp(FactorRoute):
    counts_for = LOGINS

    async def post(self) -> None:
        caller, body = await self.caller(), self.read_factor()
        account, session = caller.account, caller.session
        methods = await self.guard.factors.methods(account.id)
        if body.password is not None and (methods or not self.guard.password_login):
            # A user with a second factor must present that: a password alone would make the old second
            # factor count as fresh.
            fresh = Needs(max_age=self.guard.factors.options.fresh_seconds)
            needs = Needs(strength=_TWO_FACTORS) if methods else fresh
            self.step_up(needs, methods, account)
        if body.password is not None:
            refusal, strength, how = await self._password(account, body.password)
        else:
            outcome = await self.judge(account, body, session.id)
            if isinstance(outcome, VerifiedFactor):
                await self.note_use(outcome, "step-up")
                # The strength proved now, even if a provider has confirmed a higher one some time ago.
                refusal, how, strength = None, outcome.method, outcome.strength
            else:
                refusal, strength, how = outcome, 0, ""
        if refusal is not None:
            self.stop(refusal, principal=account.id)
        renewed = await self.renew(caller, authenticated=True, strength=strength)
        if renewed is not None:
            self.note("session_renewed", account.id, f"step-up: {how}")
            self.answer(self.describe(renewed))

    async def _password(self, account: Account, password: str) -> tuple[Refusal | None, int, str]:
        outcome = await self.prove(account.id, password)
        return (outcome if isinstance(outcome, Refusal) else None), 1, "password"


class _StepUpOptions(FactorRoute):
    counts_for = LOGINS

    async def post(self) -> None:
        caller = await self.caller()
        options = await self.guard.factors.challenge(
            origin=self.page, binding=caller.session.id, principal_id=caller.account.id
        )
        self.send_options(options, principal=caller.account.id)


FACTOR_ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("/second-factor", _SecondFactor),
    ("/second-factor/options", _SecondFactorOptions),
    ("/passkey", _Passkey),
    ("/passkey/options", _PasskeyOptions),
    ("/step-up", _StepUp),
    ("/step-up/options", _StepUpOptions),
)
"""Paths below the prefix of `login_routes`, and their handlers."""
