"""The answers of `stormdoor init` about a login at an OpenID provider."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from stormdoor.cli.ask import answer, hidden_answer, offer
from stormdoor.cli.usage import UsageError

__all__ = ["CALLBACK", "CLIENT_SECRET", "NO_OPENID", "OpenId", "OpenIdOptions", "ask_openid"]

CALLBACK = "/auth/oidc/callback"
CLIENT_SECRET = "STORMDOOR_CLIENT_SECRET"  # noqa: S105 - the name of a variable

_GROUP = Group.create_ordered("With --login openid")
_HELP = " (stormdoor init --help)"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OpenIdOptions:
    """The options for a login at a provider."""

    provider: Annotated[str | None, Parameter(group=_GROUP)] = None
    """A well-known provider: google, entra, gitlab, okta, keycloak or auth0."""

    issuer: Annotated[str | None, Parameter(group=_GROUP)] = None
    """The issuer of the provider, such as https://login.example/realms/shop."""

    client_id: Annotated[str | None, Parameter(group=_GROUP)] = None
    """The name of the application at the provider."""

    client_secret_file: Annotated[Path | None, Parameter(group=_GROUP)] = None
    """The file with its secret there [env: STORMDOOR_CLIENT_SECRET, the secret itself, which goes into a
    private file]."""

    public_client: Annotated[bool, Parameter(group=_GROUP, negative="")] = False
    """The application has no secret there."""

    domain: Annotated[tuple[str, ...], Parameter(group=_GROUP, negative="")] = ()
    """Users with a verified address of this domain may enter. May be repeated."""

    any_user: Annotated[bool, Parameter(group=_GROUP, negative="")] = False
    """Each user of the provider may enter."""


NO_OPENID = OpenIdOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """The provider of an installation.

    Attributes:
        provider: Its name, if it is well known; else "".
        issuer: Its issuer; "" for that of the well-known provider.
        client_id: Name of the application there.
        redirect_uri: The address to register there.
        secret: The secret, for a private file; "" without one.
        secret_file: The file of the operator that has it; None if there is none.
        domains: The domains with users who may enter; empty for each user of the provider.
    """

    provider: str
    issuer: str
    client_id: str
    redirect_uri: str
    secret: str = field(default="", repr=False)
    secret_file: Path | None = None
    domains: tuple[str, ...] = ()


def ask_openid(options: OpenIdOptions, address: str) -> OpenId:
    """Return the provider, from the options and the answers of the operator.

    Args:
        options: The options.
        address: The origin of the application, as browsers show it.

    Raises:
        UsageError: An answer is missing, or two options contradict each other.
    """
    from stormdoor.auth.oidc.known_providers import KNOWN_PROVIDERS

    provider, issuer = options.provider or "", options.issuer or ""
    if not provider and not issuer:
        names = ", ".join(KNOWN_PROVIDERS)
        said = answer(
            f"--issuer or --provider{_HELP}", f"Which provider? Its issuer, or {names}", ""
        )
        provider, issuer = (said, "") if said in KNOWN_PROVIDERS else ("", said)
    shape = KNOWN_PROVIDERS[provider].issuer if provider in KNOWN_PROVIDERS else ""
    if not issuer and any(one.isupper() or one == "{" for one in shape):
        issuer = answer(f"--issuer{_HELP}", f"Its issuer, such as {shape}", "")
    client_id = options.client_id or answer(
        f"--client-id{_HELP}", "The client id of the application there", ""
    )
    secret = _secret(options)
    if options.domain and options.any_user:
        raise UsageError("--domain contradicts --any-user; leave one of the two out")
    domains = options.domain
    if not domains and not options.any_user:
        question = "Users of which domains may enter? Such as: example.com. Enter: each user there"
        domains = tuple(
            offer(question, missing=f"--domain or --any-user{_HELP}").replace(",", " ").split()
        )
    return OpenId(
        provider=provider,
        issuer=issuer,
        client_id=client_id,
        redirect_uri=f"{address.rstrip('/')}{CALLBACK}",
        secret=secret,
        secret_file=options.client_secret_file,
        domains=domains,
    )


def _secret(options: OpenIdOptions) -> str:
    """Return the secret for a private file; "" for a file of the operator, and for a public client."""
    if options.public_client and options.client_secret_file is not None:
        raise UsageError(
            "--client-secret-file contradicts --public-client; leave one of the two out"
        )
    if options.public_client or options.client_secret_file is not None:
        return ""
    if given := os.environ.get(CLIENT_SECRET):
        return given
    return hidden_answer(
        f"--client-secret-file or --public-client, or set {CLIENT_SECRET}",
        "Its secret there (not shown; Enter for none)",
    )
