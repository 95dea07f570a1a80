"""The identity from a reverse proxy: oauth2-proxy, Envoy, nginx with `auth_request`.

The proxy often sets such a header because of a cookie of the browser. So the credential is ambient: the
Origin is required, as with a session cookie.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.auth.proxy.trusted_proxy import TrustedProxy
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.core.header import header_name
from stormdoor.core.principal import Authentication, Principal
from stormdoor.errors import ConfigurationError
from stormdoor.ports import StoredState

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
        "expires": "X-Jwt-Claim-Exp",
        "email": "X-Jwt-Claim-Email",
        "name": "X-Jwt-Claim-Name",
    },
}
"""The headers of each convention. Only the proxy may send them, including those that are not read."""

_AS_JSON = frozenset({"envoy"})
_MAX_TEXT = 256
_MAX_GROUPS = 256
_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


class ProxyIdentityAuthenticator:
    """Accepts the principal that an authenticated proxy names.

    A handshake of another client with one of these headers is refused. The application never sees the
    headers.

    Args:
        proxy: The proxy that may send them.
        convention: `oauth2-proxy`, `auth-request` or `envoy`: the headers that it sends (`PROXY_HEADERS`).
        user_header: Another header with the principal's id.
        groups_header: Another header with its groups.
        groups_as: `commas`: groups are separated by commas. `json`: the header is base64 of a JSON list of
            texts, as Envoy writes a claim that is a list. None for that of the convention: `json` for
            `envoy`, else `commas`.
        expires_header: Another header with the end of the user's session at the proxy, in Unix seconds. The
            connection ends then at the latest. Of the conventions only `envoy` has one: `exp` of the token.
        roles: Role by group; groups that are not listed are ignored. None if the name of a group is the
            name of a role.
        principals: `header`: the roles are the groups. `store`: the account of that id has the roles, and
            may be disabled.
        clients: `browsers`: the Origin is required. `programs`: a handshake with an Origin is refused.
        max_age: Seconds until the connection ends at the latest, because a proxy does not send the end of
            its own session.

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
        groups_as: Literal["commas", "json"] | None = None,
        expires_header: str | None = None,
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
        if groups_as not in {None, "commas", "json"}:
            raise ConfigurationError('groups_as is "commas" or "json"')
        if principals == "store" and any(
            one is not None for one in (roles, groups_header, groups_as)
        ):
            raise ConfigurationError(
                'with principals="store" the account has the roles; leave out roles, groups_header and '
                "groups_as"
            )
        if not max_age > 0:
            raise ConfigurationError("max_age is in seconds, and greater than 0")
        self._proxy = proxy
        self._user = header_name(headers["user"] if user_header is None else user_header)
        self._groups = header_name(headers["groups"] if groups_header is None else groups_header)
        self._json = groups_as == "json" or (groups_as is None and convention in _AS_JSON)
        expires = headers.get("expires") if expires_header is None else expires_header
        self._expires = None if expires is None else header_name(expires)
        self._roles = roles
        self._from_store = principals == "store"
        self._programs = clients == "programs"
        self._max_age = max_age
        own = [*map(header_name, headers.values()), self._user, self._groups]
        if self._expires is not None:
            own.append(self._expires)
        self._own = tuple(dict.fromkeys(own))
        self.exclusive_headers: Sequence[str] = (*self._own, *proxy.exclusive_headers)
        self.places: Sequence[Place] = (
            Place(Source.HEADER, self._user, ambient=not self._programs),
        )

    @property
    def checks(self) -> tuple[str, ...]:
        """Describe the comparisons, for an explanation."""
        return (
            "the request comes from the network of the proxy, with its proof",
            f"{self._user} names one principal",
            "the store has it, not disabled"
            if self._from_store
            else f"{self._groups} names its groups",
            *([] if self._expires is None else [f"{self._expires}, if it is there, lies ahead"]),
        )

    def recognises(self, credential: Credential) -> bool:
        """Return True: that header contains nothing else."""
        return True

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Refuse the proxy's headers from other clients (see `ProxyHeaderFilter`)."""
        spoken = self._proxy.speaks(handshake, self._own)
        if isinstance(spoken, Rejected):
            return spoken
        if spoken and handshake.certificate == handshake.peer_certificate:
            # The proxy's own certificate is not the client's.
            return replace(handshake, certificate=None)
        return handshake

    async def authenticate(
        self, credential: Credential, handshake: Handshake, *, state: StoredState, now: float
    ) -> Authentication | Rejected:
        """Return the principal that the proxy names (see `Authenticator`)."""
        # Not only in `screen`: a caller that skips it must not accept every client.
        doubt = self._proxy.doubt(handshake)
        if doubt is not None:
            return bad_credential(doubt)
        if self._programs and (handshake.origin is not None or handshake.fetch_site is not None):
            return bad_credential('a browser, where only programs come; write clients="browsers"')
        user = _decoded(credential.secret)
        # Some servers join two headers into one, with a comma.
        if user is None or "," in user:
            return bad_credential("the name of the principal is empty, too long, or holds a comma")
        expires_at = self._end(handshake, now)
        if isinstance(expires_at, Rejected):
            return expires_at
        principal, live = Principal(user), False
        if self._from_store:
            account = await state.accounts.account(user)
            if account is None or account.disabled:
                return bad_credential("the store has no such principal, or it is disabled", user)
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
            expires_at=expires_at,
            live=live,
        )

    def _end(self, handshake: Handshake, now: float) -> float | Rejected:
        """Return the end of the connection.

        Some proxies accept a token for some seconds after its `exp`; the connection ends exactly at `exp`.
        """
        latest = now + self._max_age
        sent = () if self._expires is None else handshake.headers.get(self._expires, ())
        if not sent:
            return latest
        if len(sent) > 1 or _SECONDS.fullmatch(sent[0]) is None:
            return bad_credential(
                "when it ends is there more than once, or is no number of seconds"
            )
        ends = float(sent[0])
        if now >= ends:
            return Rejected(Denial.EXPIRED, "what the proxy knows of the user has expired")
        return min(ends, latest)

    def _roles_of(self, values: Sequence[str]) -> frozenset[str] | Rejected:
        if len(values) > 1:
            return bad_credential("the groups are there more than once")
        sent: Sequence[str] | None = ()
        if values:
            sent = _listed(values[0]) if self._json else _separated(values[0])
        if sent is None:
            return bad_credential(
                "the groups are no list of texts; if the proxy separates them: groups_as='commas'"
            )
        groups = [one for one in sent if _is_name(one)]
        if len(sent) > _MAX_GROUPS or len(groups) != len(sent):
            return bad_credential("the groups are too many, or one of them is no name")
        if self._roles is None:
            return frozenset(groups)
        return frozenset(self._roles[one] for one in groups if one in self._roles)


def _separated(value: str) -> list[str]:
    """Return the groups between commas; bytes that are not UTF-8 become an invalid name."""
    return [_text(one) or "" for each in value.split(",") if (one := each.strip())]


def _listed(value: str) -> list[str] | None:
    """Return the groups of a JSON list in base64; None if it is malformed."""
    try:
        return _read_list(base64.b64decode(value.encode("ascii"), validate=True))
    except (UnicodeError, binascii.Error, msgspec.DecodeError, RecursionError):
        return None


_read_list = msgspec.json.Decoder(list[str]).decode


def _text(value: str) -> str | None:
    """Return the text of a header, which proxies send in UTF-8; None if it is malformed."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_TEXT and text.isprintable() and text == text.strip()


def _decoded(value: str) -> str | None:
    """Return the name in a header; None if it is malformed."""
    text = _text(value)
    return text if text is not None and _is_name(text) else None
