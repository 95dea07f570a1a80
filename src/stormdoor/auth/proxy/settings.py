"""The table `proxy` of a configuration file: see `TrustedProxy`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.proxy.trusted_proxy import TrustedProxy
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, options

__all__ = ["TrustedProxyTable", "build_proxy"]


class TrustedProxyTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`proxy`: see `TrustedProxy`."""

    networks: list[str]
    secrets: list[SecretTable | str] = []
    secret_header: str | UnsetType = UNSET
    certificates: list[str] | UnsetType = UNSET


def build_proxy(table: TrustedProxyTable, section: Section) -> TrustedProxy | None:
    """Return the proxy of a table. Mistakes are noted in the section."""
    secrets = section.at("secrets").secrets(table.secrets)
    if secrets is None:
        return None
    found = options(table, "networks", "secrets")
    return section.attempt(TrustedProxy, table.networks, secrets=secrets, **found)
