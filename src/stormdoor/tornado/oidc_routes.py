"""Login and logout at an OpenID provider, as routes for `Application([...])`. Needs the extra `oidc`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tornado.routing import Rule, URLSpec
from tornado.web import RequestHandler

from stormdoor.auth.oidc.relying_party import RelyingParty
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.errors import ConfigurationError
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.oidc_login import Callback, Link, LogIn, StepUp
from stormdoor.tornado.oidc_logout import BackChannel, FrontChannel, LoggedOut, LogOut
from stormdoor.tornado.oidc_route import OpenIdRouteOptions

__all__ = ["OpenIdProvider", "oidc_routes"]


def oidc_routes(
    guard: Guard,
    provider: OpenIdProvider | None = None,
    *,
    prefix: str = "/auth/oidc",
    after_login: str = "/",
    after_logout: str = "/",
    link_seconds: float = 600.0,
) -> list[Rule]:
    """Return the routes of a login at an OpenID provider (OpenID Connect Core 1.0, code flow with PKCE).

    The built-in login page of `login_routes` then has a button for the provider.

    =========================================  ==================================================
    `GET /auth/oidc/login`                     redirects to the provider; `return_to`, `prompt`
    `GET /auth/oidc/callback`                  the provider's answer; sets the session cookie
    `GET /auth/oidc/step-up`                   authenticates again; `acr_values`, `max_age`
    `POST /auth/oidc/link`                     links a user there to the account here
    `POST /auth/oidc/logout`                   logs out here, and at the provider
    `GET /auth/oidc/logged-out`                the provider's redirection after a logout
    `POST /auth/oidc/backchannel-logout`       the provider ends sessions and their sockets
    `GET /auth/oidc/frontchannel-logout`       its page does, if `front_channel_logout` is on
    =========================================  ==================================================

    Args:
        guard: The guard that decides.
        provider: Settings of the provider. By default the only one of the guard: `[oidc]` of its file.
        prefix: Prefix of the routes; a separate one for each provider, so that no provider can answer for
            another.
        after_login: Address after the login without a `return_to`.
        after_logout: Likewise.
        link_seconds: Greatest age of a session's login for `link`.

    Raises:
        ConfigurationError: There is no provider; `redirect_uri` or `post_logout_redirect_uri` does not lead
            to these routes, or to a host that the guard refuses; or the session cookie is
            `SameSite=Strict`.
    """
    if provider is None:
        if len(guard.providers) > 1:
            raise ConfigurationError(
                "there are several providers; write oidc_routes(guard, guard.providers[0], prefix=…) for each"
            )
        if not guard.providers:
            raise ConfigurationError(
                "there is no provider; write oidc_routes(guard, OpenIdProvider(…)), or [oidc] in the file"
            )
        [provider] = guard.providers
    if guard.sessions.cookie.samesite == "Strict":
        raise ConfigurationError(
            "a Strict session cookie is not there when the browser comes back from the provider, which is "
            'another site; write samesite="Lax"'
        )
    _leads_to("redirect_uri", provider.redirect_uri, f"{prefix}/callback")
    if provider.post_logout_redirect_uri is not None:
        _leads_to(
            "post_logout_redirect_uri", provider.post_logout_redirect_uri, f"{prefix}/logged-out"
        )
    host = urlsplit(provider.redirect_uri).netloc.lower()
    if not (
        guard.handshake_policy.insecure_allow_any_host or guard.handshake_policy.hosts.allows(host)
    ):
        raise ConfigurationError(
            f"redirect_uri leads to {host}, which the guard refuses; it is none of its origins or hosts"
        )
    party = RelyingParty(
        provider,
        state=guard.state,
        clock=guard.clock,
        max_unauthenticated=guard.limits.unfinished_logins,
    )
    guard.managed_resources.append(party)
    guard.provider_logins[f"{prefix}/login"] = provider.label or urlsplit(provider.issuer).netloc
    route_options = OpenIdRouteOptions(party, prefix, after_login, after_logout, link_seconds)
    handlers: list[tuple[str, type[RequestHandler]]] = [
        ("/login", LogIn),
        ("/callback", Callback),
        ("/step-up", StepUp),
        ("/link", Link),
        ("/logout", LogOut),
        ("/logged-out", LoggedOut),
        ("/backchannel-logout", BackChannel),
    ]
    if provider.front_channel_logout:
        handlers.append(("/frontchannel-logout", FrontChannel))
    arguments: dict[str, Any] = {"guard": guard, "route_options": route_options}
    return [URLSpec(prefix + path, handler, arguments) for path, handler in handlers]


def _leads_to(name: str, address: str, path: str) -> None:
    if urlsplit(address).path != path:
        raise ConfigurationError(
            f"{name} leads to {urlsplit(address).path!r}; the route is at {path!r}: change prefix or {name}"
        )
