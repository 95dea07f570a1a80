"""Login at an OpenID provider: redirection to the provider, and its callback."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from stormdoor.auth.oidc.account import linked_account, own_account
from stormdoor.auth.oidc.id_token import IdToken
from stormdoor.auth.oidc.logout import overtaken
from stormdoor.auth.oidc.relying_party import Arrived
from stormdoor.auth.session.service import IssuedSession
from stormdoor.core.account import Account
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.needs import Needs
from stormdoor.guard.handshake_checks import CALLBACKS, LOGINS
from stormdoor.tornado.oidc_route import ANSWERS, OpenIdRoute
from stormdoor.tornado.session_handler import Caller

__all__ = ["Callback", "Link", "LogIn", "StepUp"]

_MAX_ACR = 8
_DAY = 86_400.0
_TWO_FACTORS = 2


class LogIn(OpenIdRoute):
    """`GET /login?return_to=/path`: redirects to the provider."""

    counts_for = LOGINS

    async def get(self) -> None:
        """Redirect the browser to the provider, or show why it cannot be."""
        prompt = self.get_query_argument("prompt", None)
        if prompt not in ("login", "select_account"):
            prompt = None
        if (url := await self.send("login", prompt=prompt)) is not None:
            self.redirect(url, status=303)


class Link(OpenIdRoute):
    """`POST /link?return_to=/path`: link a user of the provider to the account that is logged in here.

    Not by GET: a hostile page could send a victim's browser here after logging it in at the provider as the
    attacker. The attacker's user there would then be linked to the victim's account.
    """

    counts_for = LOGINS

    async def post(self) -> None:
        """Begin the login at the provider. A form is redirected; a script gets the address."""
        caller = await self.caller()
        age = self.guard.clock.now() - caller.session.authenticated_at
        if not 0.0 <= age <= self.route_options.link_seconds:
            detail = f"a login {age:.0f} s ago is too old to link an identity"
            self.stop(Refusal(Denial.FORBIDDEN, detail), principal=caller.account.id)
        # A link allows a login without the second factor, so a user with one must prove it first.
        if caller.session.strength < _TWO_FACTORS and await self.guard.factors.methods(
            caller.account.id
        ):
            needs = Needs(strength=_TWO_FACTORS)
            refusal = Refusal(Denial.STEP_UP, f"linking an identity needs {needs}", needs=needs)
            self.stop(refusal, principal=caller.account.id)
        if (url := await self.send("link", caller=caller, prompt="login")) is not None:
            self.answer_or_go({"location": url}, url)


class StepUp(OpenIdRoute):
    """`GET /step-up?acr_values=…&max_age=…&return_to=/path`: authenticate again, or more strongly."""

    counts_for = LOGINS

    async def get(self) -> None:
        """Redirect the browser to the provider, or show why it cannot be."""
        caller = await self.find_caller()
        if caller is None:
            self.refuse_page(Refusal(Denial.NO_CREDENTIAL, "no living session to strengthen"))
            return
        acr_values = self.get_query_argument("acr_values", "").split()
        max_age = _seconds(self.get_query_argument("max_age", None))
        if len(acr_values) > _MAX_ACR or not all(one.isprintable() for one in acr_values):
            self.refuse_page(Refusal(Denial.MALFORMED, "acr_values is no list of a few names"))
            return
        url = await self.send(
            "step-up",
            caller=caller,
            acr_values=acr_values,
            # Its purpose is freshness: the provider must send the time of the login.
            max_age=0.0 if max_age is None and not acr_values else max_age,
            prompt=None if acr_values or max_age else "login",
        )
        if url is not None:
            self.redirect(url, status=303)


class Callback(OpenIdRoute):
    """`GET /callback`: the provider sends the browser back."""

    counts_for = CALLBACKS

    async def get(self) -> None:
        """Verify the provider's answer in the request, and create a session."""
        if (
            refusal := await self.guard.checks.auth_failures_exceeded(self.address_key)
        ) is not None:
            self.refuse_page(refusal)
            return
        query = {name: self.handshake.query.get(name, ()) for name in ANSWERS}
        arrived = await self.party.receive(
            self.state_cookie,
            {name: values for name, values in query.items() if values},
            self.guard.clock.now(),
        )
        outcome = arrived if isinstance(arrived, Refusal) else await self._settle(arrived)
        if isinstance(outcome, Refusal):
            if outcome.charged and outcome.denial is Denial.BAD_CREDENTIAL:
                self.guard.checks.record_auth_failure(self.address_key)
            if self.plain and self.state_cookie_name not in self.handshake.cookies:
                self.refuse_without_cookie(outcome)
            else:
                self.refuse_page(outcome)
            return
        self.set_header("Referrer-Policy", "no-referrer")
        self.redirect(outcome, status=303)

    async def _settle(self, arrived: Arrived) -> str | Refusal:
        """Determine the account, and create the session. Returns the address for the browser."""
        guard, token, now = self.guard, arrived.token, self.guard.clock.now()
        if arrived.request.intent == "login":
            account = await own_account(
                self.party.provider,
                token,
                arrived.claims,
                state=guard.state,
                principals=guard.admin,
                now=now,
            )
            if isinstance(account, Refusal):
                return account
            return await self._begin(account, arrived)
        caller = await self.find_caller()
        if caller is None or caller.session.id != arrived.request.session_id:
            return Refusal(
                Denial.EXPIRED, "the browser has another session than when it was sent away"
            )
        if arrived.request.intent == "link":
            before = await guard.state.identities.identity(token.issuer, token.subject)
            account = await linked_account(token, caller.account, state=guard.state, now=now)
            if isinstance(account, Refusal):
                return account
            # INVARIANT: checked after the link was stored. If the owner ended the session meanwhile, for
            # example with a new password, an attacker must not keep a link of their own.
            if await self.find_caller() is None:
                if before is None:
                    await guard.state.identities.unlink_identity(token.issuer, token.subject, now)
                return Refusal(Denial.EXPIRED, "the session ended meanwhile")
            self.note("user_updated", account.id, f"linked to {self.party.provider.name}")
            return arrived.request.return_to
        return await self._strengthen(caller, arrived)

    async def _begin(self, account: Account, arrived: Arrived) -> str | Refusal:
        # The session of the received cookie is ended, so that a planted session is useless.
        token = arrived.token
        issued = await self.guard.sessions.create(
            account.id,
            address=self.handshake.address,
            user_agent=self.handshake.user_agent,
            replacing=self.cookie_secret,
            **_proof(token),
        )
        refusal = await self._overtaken(issued, token)
        await self.guard.follower.follow()
        if refusal is not None:
            return refusal
        self.set_session_cookie(issued.secret)
        self.note("authn_login_success", account.id, f"at {self.party.provider.name}")
        return arrived.request.return_to

    async def _strengthen(self, caller: Caller, arrived: Arrived) -> str | Refusal:
        token = arrived.token
        known = await self.guard.state.identities.identity(token.issuer, token.subject)
        if known is None or known.id != caller.account.id:
            return Refusal(
                Denial.FORBIDDEN,
                "another user has logged in at the provider than the session's principal",
            )
        # The strength of the last proof, even if it is lower: an old strength and a new time must not be
        # combined into one strong fresh login.
        proved = replace(caller.session, **_proof(token))
        issued = await self.guard.sessions.rotate(proved, moving=True)
        if issued is None:
            return Refusal(Denial.EXPIRED, "the session ended meanwhile")
        refusal = await self._overtaken(issued, token)
        await self.guard.follower.follow()
        if refusal is not None:
            return refusal
        self.set_session_cookie(issued.secret)
        self.note(
            "session_renewed", caller.account.id, f"proved again at {self.party.provider.name}"
        )
        return arrived.request.return_to

    async def _overtaken(self, issued: IssuedSession, token: IdToken) -> Refusal | None:
        """Return whether the session must end again because of an event while it was being created.

        INVARIANT: checked after the session was stored. Code that disables the account, unlinks it or
        handles a logout first records that, and then ends the sessions that it finds. So either it finds
        this session, or the record is found here.
        """
        state = self.guard.state
        account = await state.identities.identity(token.issuer, token.subject)
        if account is None or account.disabled or account.id != issued.session.principal_id:
            refusal = Refusal(Denial.BAD_CREDENTIAL, "the account changed during the login")
        elif await overtaken(token, state=state):
            refusal = Refusal(Denial.REVOKED, "the provider logged the person out during the login")
        else:
            return None
        await self.guard.sessions.end(issued.session.id, reason=refusal.detail)
        return refusal


def _proof(token: IdToken) -> dict[str, Any]:
    """Return the attributes of a session from the login at the provider."""
    return {
        "strength": token.strength,
        "authenticated_at": token.authenticated_at,
        "acr": token.acr,
        "issuer": token.issuer,
        "provider_subject": token.subject,
        "provider_session": token.session_id,
    }


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) and 0.0 <= value <= _DAY else None
