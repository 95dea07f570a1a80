"""What an application says about the OpenID provider that its users log in at."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from stormdoor.core.address import is_loopback
from stormdoor.errors import ConfigurationError

__all__ = ["OpenIdProvider"]

_SIGNATURES = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_MAX_LEEWAY = 300.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})
_NO_STRENGTHS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdProvider:
    """One provider, and what its word counts for here. The client's secret is not in its repr.

    Attributes:
        issuer: The provider's name, exactly as it writes it: `https://login.example/realms/shop`. Everything
            else is discovered from there (OpenID Connect Discovery 1.0).
        client_id: The name of this application there.
        redirect_uri: The full address of the route `callback`, as it is registered there.
        client_secret: The secret of this application, or None for a public client.
        client_authentication: How the secret is sent (RFC 6749 §2.3.1). Left out: as the provider says,
            `client_secret_basic` if it leaves the choice.
        scopes: What is asked for; `openid` always is.
        algorithms: Accepted signatures of its tokens.
        unknown: What happens to somebody who has no account yet: `refuse`, or `create` one.
        account_id: The id of a new account, from the claims; None for one made of issuer and subject. An id
            that is taken already is a refusal: nobody takes over an account because of its name.
        default_roles: Roles of every new account.
        roles_claim: The claim with names of roles or groups; a dot leads into an object, as in
            `realm_access.roles`.
        roles: Which roles here each of those names gives. A name that is not in here gives none.
        follow_roles: Whether each login also changes the roles of an account that is there: those that occur
            in `roles` are given and withdrawn as the claim says. All others stay.
        trusted_audiences: Others that an ID token may name beside this application.
        acr_values: Asked for at every login (`acr_values`), in order of preference. What is asked for need
            not be given, except in a step-up.
        max_age: A login there may be so many seconds old; None for any age.
        strengths: How many factors an `acr` or a member of `amr` stands for. `mfa` is 2 (RFC 8176).
        leeway: Seconds by which the provider's clock may be ahead. `exp` is always exact.
        userinfo: Whether claims are also fetched from the UserInfo endpoint, for providers whose ID tokens
            are lean.
        post_logout_redirect_uri: The full address of the route `logged-out`, as it is registered there; None
            to stay at the provider after a logout.
        front_channel_logout: Whether the provider's page may end sessions here from an `<iframe>`. A
            back-channel logout does not depend on the browser; use that where the provider can.
        name: In log lines and as part of names of cookies, if there are several providers.

    Raises:
        ConfigurationError: A value is missing or cannot be meant.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str | None = field(default=None, repr=False)
    client_authentication: Literal["client_secret_basic", "client_secret_post"] | None = None
    scopes: Collection[str] = ("openid",)
    algorithms: Collection[str] = ("RS256", "PS256", "ES256", "EdDSA")
    unknown: Literal["refuse", "create"] = "refuse"
    account_id: Callable[[Mapping[str, object]], str] | None = None
    default_roles: Collection[str] = ()
    roles_claim: str | None = None
    roles: Mapping[str, Collection[str]] = field(default_factory=lambda: _NOTHING, hash=False)
    follow_roles: bool = False
    trusted_audiences: Collection[str] = ()
    acr_values: Collection[str] = ()
    max_age: float | None = None
    strengths: Mapping[str, int] = field(default_factory=lambda: _NO_STRENGTHS, hash=False)
    leeway: float = 10.0
    userinfo: bool = False
    post_logout_redirect_uri: str | None = None
    front_channel_logout: bool = False
    name: str = "openid"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self._check_client()
        self._check_lists()
        self._check_numbers()
        if self.unknown not in ("refuse", "create"):
            raise ConfigurationError(f'unknown must be "refuse" or "create", not {self.unknown!r}')
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"name must be of a-z, 0-9 and -, not {self.name!r}")

    def _check_client(self) -> None:
        _address("issuer", self.issuer)
        if "?" in self.issuer:
            raise ConfigurationError("an issuer has no query; write the part before the ?")
        if not self.client_id:
            raise ConfigurationError("client_id is empty; it is this application's name there")
        _address("redirect_uri", self.redirect_uri)
        if self.post_logout_redirect_uri is not None:
            _address("post_logout_redirect_uri", self.post_logout_redirect_uri)
        if self.client_secret == "":
            raise ConfigurationError("client_secret is empty; leave it out for a public client")
        if self.client_authentication is not None and self.client_secret is None:
            raise ConfigurationError("client_authentication needs a client_secret")

    def _check_lists(self) -> None:
        for name in ("scopes", "algorithms", "default_roles", "trusted_audiences", "acr_values"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ConfigurationError(f"{name} is one text; write {name}=[{value!r}]")
        if not self.algorithms or not set(self.algorithms) <= _SIGNATURES:
            raise ConfigurationError(
                f"algorithms must be some of {', '.join(sorted(_SIGNATURES))}: signatures of which everybody "
                "may know the public key"
            )
        if self.roles and self.roles_claim is None:
            raise ConfigurationError('roles needs roles_claim, such as roles_claim="groups"')
        if self.follow_roles and not self.roles:
            raise ConfigurationError("follow_roles needs roles: which roles each name stands for")
        for name, given in self.roles.items():
            if isinstance(given, str):
                raise ConfigurationError(f"roles[{name!r}] is one text; write [{given!r}]")

    def _check_numbers(self) -> None:
        if not 0.0 <= self.leeway <= _MAX_LEEWAY:
            raise ConfigurationError(
                f"leeway must be 0 to {_MAX_LEEWAY:g} seconds, not {self.leeway}"
            )
        if self.max_age is not None and not self.max_age >= 0.0:
            raise ConfigurationError(f"max_age must be seconds from 0, not {self.max_age}")
        if not all(strength >= 1 for strength in self.strengths.values()):
            raise ConfigurationError("strengths are numbers of factors, from 1")

    @property
    def scope(self) -> str:
        """The scopes as they are asked for: `openid` first, each once."""
        return " ".join(dict.fromkeys(("openid", *self.scopes)))


def _address(name: str, value: str) -> None:
    """Refuse an address that is not absolute, or over which anybody on the way can read along.

    Raises:
        ConfigurationError: It is such an address.
    """
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("https", "http") or not host or parts.fragment or parts.username:
        raise ConfigurationError(
            f"{name} must be an address such as https://login.example, not {value!r}"
        )
    if parts.scheme == "http" and not (host == "localhost" or is_loopback(host)):
        raise ConfigurationError(
            f"{name} must begin with https://; http:// is for this machine only"
        )
