"""The OpenID provider of a configuration file."""

from __future__ import annotations

from msgspec import UnsetType

from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.config.document import Document
from stormdoor.config.secret import SecretTable, reveal
from stormdoor.config.shape import options

__all__ = ["build_oidc"]


def build_oidc(document: Document) -> OpenIdProvider | None:
    """Return the provider in a file; None if there is none. Mistakes are noted in the document."""
    table = document.parsed.oidc
    if isinstance(table, UnsetType):
        return None
    before = len(document.problems)
    found = options(table, "client_secret")
    secret = table.client_secret
    if not isinstance(secret, UnsetType):
        place = ("oidc", "client_secret")
        base = document.path.parent

        def read(written: SecretTable | str) -> str:
            return reveal(written, base=base)

        found["client_secret"] = document.attempt(place, read, secret)
    if len(document.problems) != before:
        return None
    return document.attempt(("oidc",), OpenIdProvider, **found)
