"""Base class of the routes of an OpenID login: the cookie of a login, and its error pages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stormdoor.auth.oidc.authorization_request import SECONDS, Intent, LoginStateCookie
from stormdoor.auth.oidc.relying_party import RelyingParty
from stormdoor.auth.oidc.return_to import local_path
from stormdoor.core.credential import Place, Source
from stormdoor.core.denial import Refusal
from stormdoor.tornado.built_in_route import BuiltInRoute
from stormdoor.tornado.handshake_parser import HandshakeParser
from stormdoor.tornado.session_handler import Caller

__all__ = ["ANSWERS", "OpenIdRoute", "OpenIdRouteOptions"]

ANSWERS = ("code", "state", "iss", "error", "error_description")
"""Parameters of the provider's answer. They are in the address, so they are removed from logged requests."""


class OpenIdRouteOptions(msgspec.Struct, frozen=True):
    """The arguments of `oidc_routes`."""

    party: RelyingParty
    prefix: str
    after_login: str
    after_logout: str
    link_seconds: float


class OpenIdRoute(BuiltInRoute[OpenIdRouteOptions]):
    """Base class of the routes of an OpenID login."""

    @property
    def event_actor(self) -> str:
        """Return the provider, which has authenticated the principal, as the actor of events."""
        return self.party.provider.issuer

    @property
    def party(self) -> RelyingParty:
        """The application as a client of the provider."""
        return self.route_options.party

    @property
    def state_cookie_name(self) -> str:
        """Return the name of the cookie during a login at the provider."""
        prefix = "" if self.guard.sessions.cookie.insecure_plaintext else "__Host-"
        return f"{prefix}stormdoor-{self.party.provider.name}"

    def parser(self) -> HandshakeParser:
        """Return a parser of the session cookie, the login cookie, and the parameters of the provider."""
        cookies = (self.guard.sessions.cookie.name, self.state_cookie_name)
        places = [Place(Source.COOKIE, name) for name in cookies]
        places += [Place(Source.QUERY, name) for name in ANSWERS]
        return HandshakeParser(places, self.guard.trusted_proxies)

    @property
    def state_cookie(self) -> LoginStateCookie:
        """Return the secret in the browser's cookie; a new one if it has none, or two."""
        values = self.handshake.cookies.get(self.state_cookie_name, ())
        return LoginStateCookie.of(values[0] if len(values) == 1 else None)

    def keep(self, state_cookie: LoginStateCookie) -> None:
        """Set the browser's cookie. Lax, because it must be sent when another site redirects here."""
        attributes = self.cookie_attributes("Lax")
        self.set_cookie(
            self.state_cookie_name, state_cookie.secret, max_age=int(SECONDS), **attributes
        )

    def refuse_page(self, refusal: Refusal, *, principal: str = "") -> None:
        """Show a page that the login failed, and log the reason for the operator."""
        refusal = self.guard.admission.refused(self.handshake, refusal, principal=principal)
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
        page = self.pages_of().provider_failed(refusal.answer.error, self._login, refusal.ref)
        self._show(refusal, page)

    def refuse_without_cookie(self, refusal: Refusal) -> None:
        """Show that the browser kept no cookie of its login over http://, and the ways out; log them."""
        ref = self.guard.admission.refused(self.handshake, refusal).ref
        self.guard.registry.operator_log.lost_cookie(self.handshake, plain=True)
        self._show(refusal, self.pages_of().lost(self._login, ref))

    @property
    def _login(self) -> str:
        """Return the address that begins the login again."""
        return f"{self.route_options.prefix}/login"

    def _show(self, refusal: Refusal, page: str) -> None:
        """Finish with a page. INVARIANT: it contains nothing from the request or from the provider."""
        self.set_status(refusal.answer.status)
        self.set_page_headers(self.pages_of())
        # The address has the answer of the provider.
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish(page)

    async def send(
        self,
        intent: Intent,
        *,
        caller: Caller | None = None,
        prompt: str | None = None,
        max_age: float | None = None,
        acr_values: Sequence[str] = (),
    ) -> str | None:
        """Return the address for the browser; None if a refusal was sent."""
        state_cookie = self.state_cookie
        outcome = await self.party.send(
            intent,
            state_cookie,
            return_to=local_path(
                self.get_query_argument("return_to", None), self.route_options.after_login
            ),
            now=self.guard.clock.now(),
            session=None if caller is None else caller.session,
            acr_values=acr_values,
            max_age=max_age,
            prompt=prompt,
        )
        if isinstance(outcome, Refusal):
            self.refuse_page(outcome)
            return None
        self.keep(state_cookie)
        self.set_header("Referrer-Policy", "no-referrer")
        return outcome
