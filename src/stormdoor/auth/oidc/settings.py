"""Settings of the OpenID provider of an application's users."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from stormdoor.auth.oidc.known_checks import check_domains, resolve_issuer
from stormdoor.auth.oidc.known_providers import (
    KNOWN_PROVIDERS,
    TENANT,
    UNKNOWN_PROVIDER,
    KnownProvider,
)
from stormdoor.core.address import is_loopback_host
from stormdoor.errors import ConfigurationError
from stormdoor.settings.shown_text import check_shown_text

__all__ = ["OpenIdProvider", "check_providers"]

_SIGNATURES = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_MAX_LEEWAY = 300.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_MOST_LABEL = 60
_LISTS = ("scopes", "algorithms", "default_roles", "trusted_audiences", "acr_values")
_RULES = ("allowed_domains", "allowed_groups", "allowed_roles", "allowed_tenants")
_NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})
_NO_STRENGTHS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdProvider:
    """Settings of a provider, and the meaning of its claims. The client's secret is not in its repr.

    Attributes:
        provider: The name of a well-known provider: `google`, `entra`, `github`, `gitlab`, `okta`,
            `keycloak` or `auth0`. It sets what you leave out of `issuer`, `label`, `groups_claim`,
            `roles_claim`, `tenant_claim` and `userinfo`, and adds scopes. Empty for any other provider.
        issuer: The provider's exact name: `https://login.example/realms/shop`. Everything else is
            discovered from there (OpenID Connect Discovery 1.0).
        client_id: The name of this application at the provider.
        redirect_uri: The full address of the route `callback`, as registered at the provider.
        client_secret: The secret of this application, or None for a public client.
        client_authentication: How the secret is sent (RFC 6749 §2.3.1). By default the provider's method,
            or `client_secret_basic` if it accepts several.
        scopes: Requested scopes; `openid` always is.
        algorithms: Accepted signatures of its tokens.
        unknown: For a user without an account: `refuse` the login, or `create` an account.
        account_id: Function that returns the id of a new account from the claims; None for one made of
            issuer and subject. If the id exists, the login is refused: no user takes over an account by its
            name.
        default_roles: Roles of every new account.
        roles_claim: The claim with names of roles or groups; a dot leads into an object, as in
            `realm_access.roles`.
        roles: The role for each name in the claim. A name that is not listed gives no role.
        follow_roles: Whether each login also changes the roles of an existing account: those in `roles` are
            granted and withdrawn according to the claim. All others stay.
        trusted_audiences: Further audiences that an ID token may name.
        acr_values: Requested at every login (`acr_values`), in order of preference. They are required only
            in a step-up.
        max_age: Greatest age in seconds of a login there; None for any age.
        strengths: Number of factors for an `acr` or a member of `amr`. `mfa` is 2 (RFC 8176).
        leeway: Seconds by which the provider's clock may be ahead. `exp` is always exact.
        allowed_domains: Users of these domains may enter. The domain is that of a claim that the provider has
            verified (`hd` of Google), or else of `email`, if `email_verified` is true. None for any.
        allowed_groups: Users with one of these names in `groups_claim` may enter; None for any.
        groups_claim: The claim with names of groups, for `allowed_groups`.
        allowed_roles: Users with one of these names in `roles_claim` may enter; None for any.
        allowed_tenants: Users with one of these values in `tenant_claim` may enter; None for any. An
            issuer with `{tenantid}` needs it, and accepts the issuers of these tenants alone.
        tenant_claim: The claim with the tenant or organisation, for `allowed_tenants`.
        userinfo: Whether claims are also fetched from the UserInfo endpoint, for providers with few claims
            in ID tokens. None for the setting of `provider`.
        post_logout_redirect_uri: The full address of the route `logged-out`, as registered there; None to
            stay at the provider after a logout.
        front_channel_logout: Whether the provider's page may end sessions here from an `<iframe>`. A
            back-channel logout does not depend on the browser; use that where the provider can.
        name: Name of the provider in log lines and in cookie names, if there are several providers.
        label: Name of the provider on the button of the login page, at most 60 characters; the host of the
            issuer if empty.

    Raises:
        ConfigurationError: A value is missing or invalid.
    """

    provider: str = ""
    issuer: str = ""
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
    allowed_domains: Collection[str] | None = None
    allowed_groups: Collection[str] | None = None
    groups_claim: str | None = None
    allowed_roles: Collection[str] | None = None
    allowed_tenants: Collection[str] | None = None
    tenant_claim: str | None = None
    trusted_audiences: Collection[str] = ()
    acr_values: Collection[str] = ()
    max_age: float | None = None
    strengths: Mapping[str, int] = field(default_factory=lambda: _NO_STRENGTHS, hash=False)
    leeway: float = 10.0
    userinfo: bool | None = None
    post_logout_redirect_uri: str | None = None
    front_channel_logout: bool = False
    name: str = "openid"
    label: str = ""

    def __post_init__(self) -> None:
        """Set what the well-known provider says, and reject invalid values."""
        if self.provider and self.provider not in KNOWN_PROVIDERS:
            raise ConfigurationError(
                f"provider must be one of {', '.join(KNOWN_PROVIDERS)}, not {self.provider!r}; leave it out "
                "for any other provider, and write its issuer"
            )
        for name in ("label", "groups_claim", "roles_claim", "tenant_claim", "issuer"):
            self._set(name, getattr(self, name) or getattr(self.known, name))
        self._set("userinfo", self.known.userinfo if self.userinfo is None else self.userinfo)
        self._check_lists()
        self._check_rules()
        self._set("issuer", resolve_issuer(self.issuer, self.known, self.allowed_tenants or ()))
        self._check_client()
        self._check_numbers()
        if self.unknown not in ("refuse", "create"):
            raise ConfigurationError(f'unknown must be "refuse" or "create", not {self.unknown!r}')
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"name must be of a-z, 0-9 and -, not {self.name!r}")
        check_shown_text("label", self.label, _MOST_LABEL)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def known(self) -> KnownProvider:
        """The facts about the provider, if it is a well-known one."""
        return KNOWN_PROVIDERS.get(self.provider, UNKNOWN_PROVIDER)

    def _check_rules(self) -> None:
        for option, claim in (
            ("allowed_groups", "groups_claim"),
            ("allowed_roles", "roles_claim"),
            ("allowed_tenants", "tenant_claim"),
        ):
            if getattr(self, option) is not None and getattr(self, claim) is None:
                raise ConfigurationError(f'{option} needs {claim}, such as {claim} = "groups"')
        for option in _RULES:
            if (allowed := getattr(self, option)) is not None and (not allowed or "" in allowed):
                raise ConfigurationError(
                    f"{option} names nothing; leave it out to let every user of the provider in"
                )
        if self.allowed_domains is not None:
            check_domains(self.allowed_domains, self.known, self.issuer)

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
        for name in (*_LISTS, *_RULES):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ConfigurationError(f"{name} is one text; write {name}=[{value!r}]")
        if not self.algorithms or not set(self.algorithms) <= _SIGNATURES:
            raise ConfigurationError(
                f"algorithms must be some of {', '.join(sorted(_SIGNATURES))}: signatures that have "
                "a public key"
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
        if self.known.api and (self.max_age is not None or self.acr_values):
            raise ConfigurationError(
                "max_age and acr_values need an ID token, which this provider does not have; leave them out"
            )
        if self.max_age is not None and not self.max_age >= 0.0:
            raise ConfigurationError(f"max_age must be seconds from 0, not {self.max_age}")
        if not all(strength >= 1 for strength in self.strengths.values()):
            raise ConfigurationError("strengths are numbers of factors, from 1")

    @property
    def scope(self) -> str:
        """Return the requested scopes, each once: `openid` first, if the provider has OpenID."""
        known = self.known
        asked = [
            *(() if known.api else ("openid",)),
            *known.scopes,
            *((known.email_scope,) if self.reads_email else ()),
            *((known.groups_scope,) if self.reads_groups and known.groups_scope else ()),
            *(one for one in self.scopes if one != "openid" or not known.api),
        ]
        return " ".join(dict.fromkeys(asked))

    @property
    def reads_email(self) -> bool:
        """Return whether a rule needs the address of a user."""
        return self.allowed_domains is not None

    @property
    def reads_groups(self) -> bool:
        """Return whether a rule or a role needs the groups of a user."""
        return bool(self.allowed_groups or self.allowed_roles or self.roles)

    @property
    def issuers(self) -> frozenset[str]:
        """Return the accepted issuers: several for an issuer that the allowed tenants share."""
        if TENANT not in self.issuer:
            return frozenset({self.issuer})
        return frozenset(self.issuer.replace(TENANT, one) for one in self.allowed_tenants or ())

    def issuer_of(self, named: object) -> str:
        """Return the issuer that a token must have: the one that it names, if that is accepted."""
        return named if isinstance(named, str) and named in self.issuers else min(self.issuers)

    @property
    def metadata_base(self) -> str:
        """Return the address below which the metadata is."""
        return self.issuer.replace(TENANT, self.known.metadata_tenant)


def _address(name: str, value: str) -> None:
    """Reject an address that is not absolute, or not encrypted.

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
    if parts.scheme == "http" and not is_loopback_host(host):
        raise ConfigurationError(
            f"{name} must begin with https://; http:// is for this machine only"
        )


def check_providers(providers: Sequence[OpenIdProvider]) -> None:
    """Check that no provider can answer for another one: each has its own name and address.

    Raises:
        ConfigurationError: Two have the same; the message has the line to write.
    """
    for option in ("name", "redirect_uri"):
        values = [getattr(one, option) for one in providers]
        for value in values:
            if values.count(value) > 1:
                raise ConfigurationError(
                    f"{option} of two providers is {value!r}; give each [[oidc]] another {option}"
                )
