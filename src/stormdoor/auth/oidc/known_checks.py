"""Check the settings of a provider against the facts about it."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from stormdoor.auth.oidc.known_providers import KNOWN_PROVIDERS, TENANT, KnownProvider
from stormdoor.errors import ConfigurationError

__all__ = ["check_domains", "resolve_issuer"]

_TENANT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)


def resolve_issuer(issuer: str, known: KnownProvider, tenants: Collection[str]) -> str:
    """Return the issuer of a provider: that of the tenant, if it is the only one.

    Args:
        issuer: As configured; or else the shape of the known provider.
        known: Facts about the provider.
        tenants: The allowed tenants.

    Raises:
        ConfigurationError: It is missing, or no token can have it; the message has the line to write.
    """
    shape, path = known.issuer, urlsplit(known.issuer).path
    if issuer == shape and any(part.isupper() for part in re.split(r"[/.]+", shape)):
        raise ConfigurationError(f'issuer is missing; write issuer = "{shape}", with your names')
    if not set(urlsplit(issuer).path.split("/")).isdisjoint(known.shared_tenants):
        raise ConfigurationError(
            "issuer stands for any tenant; leave it out, and write allowed_tenants with the ids of yours"
        )
    if known.api and urlsplit(issuer).path != path:
        raise ConfigurationError(
            f'issuer of this provider ends with {path}; write issuer = "https://HOST{path}"'
        )
    if shape.endswith("/") and not issuer.endswith("/"):
        raise ConfigurationError(f'this issuer ends with a slash; write issuer = "{issuer}/"')
    if TENANT not in issuer:
        return issuer
    if not known.metadata_tenant:
        raise ConfigurationError(f'issuer has {TENANT}; write provider = "entra" as well')
    if not tenants or not all(_TENANT_ID.fullmatch(one) for one in tenants):
        raise ConfigurationError(
            "issuer is for any tenant, so write allowed_tenants with ids of tenants, each such as "
            f'"72f988bf-86f1-41af-91ab-2d7cd011db47" in small letters, not {[*tenants]!r}'
        )
    return issuer.replace(TENANT, next(iter(tenants))) if len(tenants) == 1 else issuer


def check_domains(domains: Collection[str], known: KnownProvider, issuer: str) -> None:
    """Check that the provider has a verified claim with the domain of a user.

    Raises:
        ConfigurationError: It has none, or a domain is no domain.
    """
    if known.domain_claim is None and not known.verifies_email:
        raise ConfigurationError(
            "allowed_domains needs verified addresses, which this provider does not have; write "
            "allowed_tenants or allowed_groups"
        )
    for name, one in KNOWN_PROVIDERS.items():
        if not known.label and urlsplit(issuer).netloc == urlsplit(one.issuer).netloc:
            raise ConfigurationError(f'allowed_domains needs provider = "{name}" here')
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise ConfigurationError(
                f'allowed_domains: write a domain in small letters, such as "example.com", not {domain!r}'
            )
