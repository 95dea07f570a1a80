"""The OpenID provider of a configuration file."""

from __future__ import annotations

from msgspec import UnsetType

from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.config.document import Document
from stormdoor.settings.section import options

__all__ = ["build_oidc"]


def build_oidc(document: Document) -> OpenIdProvider | None:
    """Return the provider in a file; None if there is none. Mistakes are noted in the document."""
    table = document.parsed.oidc
    if isinstance(table, UnsetType):
        return None
    section = document.section("oidc")
    found = options(table, "client_secret")
    secret = table.client_secret
    if not isinstance(secret, UnsetType):
        found["client_secret"] = section.at("client_secret").secret(secret)
    return section.make(OpenIdProvider, **found)
