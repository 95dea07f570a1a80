"""The identity that a reverse proxy has found out: oauth2-proxy, Envoy, nginx with `auth_request`.

What stands behind such a header is often a cookie of the browser at the proxy, so it is ambient: the
Origin is required, as with a cookie of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from stormdoor.auth.authenticator import Rejected
from stormdoor.auth.trusted_proxy import TrustedProxy
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.header import header_name
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Store

__all__ = ["PROXY_HEADERS", "ProxyIdentityAuthenticator"]

PROXY_HEADERS: Mapping[str, Mapping[str, str]] = {
    # oauth2-proxy as the reverse proxy itself: --pass-user-headers
    "oauth2-proxy": {
        "user": "X-Forwarded-User",
        "groups": "X-Forwarded-Groups",
        "email": "X-Forwarded-Email",
        "name": "X-Forwarded-Preferred-Username",
    },
    # oauth2-proxy --set-xauthrequest behind nginx's auth_request
    "auth-request": {
        "user": "X-Auth-Request-User",
        "groups": "X-Auth-Request-Groups",
        "email": "X-Auth-Request-Email",
        "name": "X-Auth-Request-Preferred-Username",
    },
    # Envoy's jwt_authn with claim_to_headers, as its documentation names them
    "envoy": {
        "user": "X-Jwt-Claim-Sub",
        "groups": "X-Jwt-Claim-Groups",
        "email": "X-Jwt-Claim-Email",
        "name": "X-Jwt-Claim-Name",
    },
}
"""The headers of each convention. All of a convention are for the proxy alone, also those not read."""

_MAX_TEXT = 256
_MAX_GROUPS = 256


class ProxyIdentityAuthenticator:
    """Accepts the principal that a proxy names, once the proxy has proved to be the proxy.

    From anybody else each of its headers refuses the handshake. The application never sees them.

    Args:
        proxy: Who may say so.
        convention: `oauth2-proxy`, `auth-request` or `envoy`: which headers it sends (`PROXY_HEADERS`).
        user_header: Another header with the principal's id.
        groups_header: Another header with its groups, separated by commas.
        roles: The role that each group stands for; a group that is not there means nothing. None if
            groups are called like roles.
        principals: `header`: roles are the groups. `store`: the account of that id says what it may, and
            whether it still may.
        clients: `browsers`: the Origin is required. `programs`: a handshake with an Origin is refused.
        max_age: Seconds until the connection ends, since the proxy says nothing when its session does.

    Raises:
        ConfigurationError: The convention is unknown, or an option contradicts another.
    """

    kind: str = "proxy"

    def __init__(
        self,
        proxy: TrustedProxy,
        *,
        convention: str = "oauth2-proxy",
        user_header: str | None = None,
        groups_header: str | None = None,
        roles: Mapping[str, str] | None = None,
        principals: Literal["header", "store"] = "header",
        clients: Literal["browsers", "programs"] = "browsers",
        max_age: float = 3600.0,
    ) -> None:
        headers = PROXY_HEADERS.get(convention)
        if headers is None:
            raise ConfigurationError(
                f"{convention!r} is no convention; there are {', '.join(PROXY_HEADERS)}"
            )
        if principals not in {"header", "store"} or clients not in {"browsers", "programs"}:
            raise ConfigurationError(
                'principals is "header" or "store", and clients "browsers" or "programs"'
            )
        if principals == "store" and (roles is not None or groups_header is not None):
            raise ConfigurationError(
                'with principals="store" the account has the roles; leave out roles and groups_header'
            )
        if not max_age > 0:
            raise ConfigurationError("max_age is in seconds, and greater than 0")
        self._proxy = proxy
        self._user = header_name(headers["user"] if user_header is None else user_header)
        self._groups = header_name(headers["groups"] if groups_header is None else groups_header)
        self._roles = roles
        self._from_store = principals == "store"
        self._programs = clients == "programs"
        self._max_age = max_age
        names = (*map(header_name, headers.values()), self._user, self._groups)
        self._own = tuple(dict.fromkeys(names))
        self.exclusive_headers: Sequence[str] = (*self._own, *proxy.exclusive_headers)
        self.places: Sequence[Place] = (
            Place(Source.HEADER, self._user, ambient=not self._programs),
        )

    @property
    def checks(self) -> tuple[str, ...]:
        """What is compared, for an explanation."""
        return (
            "the request comes from the network of the proxy, with its proof",
            f"{self._user} names one principal",
            "the store has it, not disabled"
            if self._from_store
            else f"{self._groups} names its groups",
        )

    def recognises(self, credential: Credential) -> bool:
        """Nothing else is in that header."""
        return True

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Refuse the headers of the proxy from anybody else (see `Screen`)."""
        spoken = self._proxy.speaks(handshake, self._own)
        if isinstance(spoken, Rejected):
            return spoken
        if spoken and handshake.certificate == handshake.peer_certificate:
            # The proxy's own certificate is not the client's.
            return replace(handshake, certificate=None)
        return handshake

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, store: Store, now: float
    ) -> Authentication | Rejected:
        """Believe the proxy (see `Authenticator`)."""
        # Not only in `screen`: whoever calls this without it must not believe everybody.
        doubt = self._proxy.doubt(handshake)
        if doubt is not None:
            return _bad(doubt)
        if self._programs and (handshake.origin is not None or handshake.fetch_site is not None):
            return _bad('a browser, where only programs come; write clients="browsers"')
        user = _decoded(credential.secret)
        # Some servers fold two headers into one, with a comma.
        if user is None or "," in user:
            return _bad("the name of the principal is empty, too long, or holds a comma")
        principal, live = Principal(user), False
        if self._from_store:
            account = await store.account(user)
            if account is None or account.disabled:
                return _bad("the store has no such principal, or it is disabled", user)
            principal, live = account.principal, True
        else:
            roles = self._roles_of(handshake.headers.get(self._groups, ()))
            if isinstance(roles, Rejected):
                return roles
            principal = Principal(user, roles)
        return Authentication(
            principal,
            self.kind,
            credential_id=f"proxy:{user}",
            ambient=not self._programs,
            authenticated_at=now,
            issued_at=now,
            expires_at=now + self._max_age,
            live=live,
        )

    def _roles_of(self, values: Sequence[str]) -> frozenset[str] | Rejected:
        if len(values) > 1:
            return _bad("the groups are there more than once")
        sent = [one.strip() for value in values for one in value.split(",") if one.strip()]
        groups = [name for one in sent if (name := _decoded(one)) is not None]
        if len(sent) > _MAX_GROUPS or len(groups) != len(sent):
            return _bad("the groups are too many, or one of them is no name")
        if self._roles is None:
            return frozenset(groups)
        return frozenset(self._roles[one] for one in groups if one in self._roles)


def _decoded(value: str) -> str | None:
    """The text in a header, which is bytes to HTTP and UTF-8 to proxies; None if it is no name."""
    try:
        text = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    named = 0 < len(text) <= _MAX_TEXT and text.isprintable() and text == text.strip()
    return text if named else None


def _bad(detail: str, principal_id: str = "") -> Rejected:
    return Rejected(Denial.BAD_CREDENTIAL, detail, principal_id)
