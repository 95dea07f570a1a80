"""Logout at an OpenID provider, and by the provider."""

from __future__ import annotations

import logging
import secrets
from urllib.parse import urlsplit

from stormdoor.auth.oidc.authorization_request import SECONDS
from stormdoor.auth.oidc.logout import announce, covered, spend, spent
from stormdoor.auth.oidc.return_to import local_path
from stormdoor.core.credential import fingerprint
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.pending import Pending
from stormdoor.errors import StoreUnavailable
from stormdoor.guard.handshake_checks import CALLBACKS
from stormdoor.tornado.oidc_route import OpenIdRoute

__all__ = ["BackChannel", "FrontChannel", "LogOut", "LoggedOut"]

_log = logging.getLogger("stormdoor.openid")

_RETURN = "openid-logged-out"


class _Ending(OpenIdRoute):
    counts_for = CALLBACKS

    async def end(
        self, issuer: str, *, subject: str | None, sid: str | None, at: float, reason: str
    ) -> int:
        """End the sessions of a user, or of one session at the provider, with their sockets.

        Raises:
            StoreUnavailable: The sockets of the sessions that could be read are closed.
        """
        guard = self.guard
        state, failure = guard.state, None
        # INVARIANT: recorded before the look-up: a login that finishes in between finds the record.
        try:
            await announce(
                issuer, subject=subject, sid=sid, at=at, now=guard.clock.now(), state=state
            )
        except StoreUnavailable as error:
            failure = error
        ended = 0
        for session in await covered(issuer, subject=subject, sid=sid, state=state):
            try:
                ended += await guard.admin.end_session(
                    session.id, owner=session.principal_id, actor=issuer, reason=reason
                )
            except StoreUnavailable as error:
                failure = error
        if failure is not None:
            raise failure
        return ended


class BackChannel(_Ending):
    """`POST /backchannel-logout`: the provider reports a logout itself (Back-Channel Logout 1.0)."""

    ends = True

    async def post(self) -> None:
        """End the sessions that the token names: 200 on success, 400 for an invalid logout token.

        If the store does not answer, it is 503, and the logout is repeated until the store answers.
        """
        if (
            refusal := await self.guard.checks.auth_failures_exceeded(self.address_key)
        ) is not None:
            self.refuse(refusal)
            return
        tokens = self.get_body_arguments("logout_token", strip=False) if self.from_form else []
        if len(tokens) != 1:
            self._refused(
                Refusal(Denial.MALFORMED, "the request holds not exactly one logout_token")
            )
            return
        provider, state, now = self.party.provider, self.guard.state, self.guard.clock.now()
        token = await self.party.logged_out(tokens[0], now)
        if isinstance(token, Refusal):
            self._refused(token)
            return

        async def work() -> int | None:
            if await spent(token.issuer, token, state=state):
                return None
            ended = await self.end(
                token.issuer,
                subject=token.subject,
                sid=token.session_id,
                at=token.issued_at,
                reason=f"logged out at {provider.name}",
            )
            await spend(token.issuer, token, state=state, now=now)
            return ended

        name = f"the logout {token.id!r:.80} at {provider.name}"
        ended = await self.guard.admin.unfinished.do(name, work)
        if ended is None:
            self._refused(Refusal(Denial.BAD_CREDENTIAL, "the logout token was used before (jti)"))
            return
        _log.info("%s logged a user out: %d sessions ended here", provider.name, ended)
        self.set_status(200)
        self.answer({})

    def _refused(self, refusal: Refusal) -> None:
        """Answer as Back-Channel Logout 1.0 §2.8 specifies, and log the reason for the operator."""
        guard = self.guard
        guard.admission.refused(self.handshake, refusal)
        if refusal.denial is Denial.UNAVAILABLE:
            self.set_status(503)
            self.set_header("Retry-After", str(refusal.retry_after or 5))
            self.answer({"error": "temporarily_unavailable"})
            return
        guard.checks.record_auth_failure(self.address_key)
        self.set_status(400)
        self.answer({"error": "invalid_request"})


class FrontChannel(_Ending):
    """`GET /frontchannel-logout?iss=…&sid=…`: the provider's page reports a logout, in an `<iframe>`.

    The request has no session cookie, because the frame is on another site and the cookie is `SameSite=Lax`.
    So the session is found by the provider's session id, which is in ID tokens and hard to guess.
    """

    async def get(self) -> None:
        """End the named session. The answer does not reveal whether it existed."""
        issuers, sids = self.get_query_arguments("iss"), self.get_query_arguments("sid")
        parts = urlsplit(self.party.provider.issuer)
        self.set_header(
            "Content-Security-Policy",
            f"default-src 'none'; frame-ancestors {parts.scheme}://{parts.netloc}",
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Referrer-Policy", "no-referrer")
        known = len(issuers) == 1 and issuers[0] in self.party.provider.issuers
        if not known or len(sids) != 1 or not sids[0]:
            self.guard.admission.refused(
                self.handshake,
                Refusal(
                    Denial.MALFORMED,
                    "a front-channel logout needs iss and sid; register the application with "
                    "frontchannel_logout_session_required",
                ),
            )
            self.set_status(400)
            self.finish("<!doctype html><title>invalid</title>")
            return
        now = self.guard.clock.now()
        await self.end(
            issuers[0],
            subject=None,
            sid=sids[0],
            at=now,
            reason=f"logged out at {self.party.provider.name} (front channel)",
        )
        self.finish("<!doctype html><title>logged out</title>")


class LogOut(OpenIdRoute):
    """`POST /logout?return_to=/path`: log out here, and then at the provider (RP-Initiated Logout 1.0)."""

    ends = True

    async def post(self) -> None:
        """End the session; a form is redirected to the provider, a script gets the address."""
        location = local_path(
            self.get_query_argument("return_to", None), self.route_options.after_logout
        )
        session = await self.everywhere(self.log_out)
        if session is not None and session.issuer in self.party.provider.issuers:
            location = await self._add_logout_redirect(location)
        self.answer_or_go({"location": location}, location)

    async def _add_logout_redirect(self, location: str) -> str:
        """Return the address of the logout at the provider; `location` if there is none.

        The session here has ended in either case.
        """
        now, state = self.guard.clock.now(), secrets.token_urlsafe(32)
        url = await self.party.logout_url(state, now)
        if url is None:
            _log.warning(
                "%s has no end_session_endpoint, or does not answer", self.party.provider.name
            )
            return location
        try:
            await self.guard.state.pendings.add_pending(
                Pending(
                    id=fingerprint(state),
                    purpose=_RETURN,
                    data={"return_to": location},
                    created_at=now,
                    expires_at=now + SECONDS,
                )
            )
        except StoreUnavailable as error:
            _log.warning("the way back from a logout cannot be kept: %s", error)
        return url


class LoggedOut(OpenIdRoute):
    """`GET /logged-out?state=…`: the provider sends the browser back after a logout."""

    counts_for = CALLBACKS

    async def get(self) -> None:
        """Redirect to the final address of the logout."""
        states = self.handshake.query.get("state", ())
        location = self.route_options.after_logout
        if len(states) == 1:
            pending = await self.guard.state.pendings.take_pending(fingerprint(states[0]), _RETURN)
            if pending is not None and pending.alive(self.guard.clock.now()):
                location = local_path(str(pending.data["return_to"]), location)
        self.redirect(location, status=303)
