"""The table `dpop` in the options of `jwt` and `oauth` in a configuration file."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.dpop.proof import DpopProof
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, options

__all__ = ["DpopTable", "build_dpop"]


class DpopTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of `dpop`: see `DpopProof`."""

    required: bool | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    ahead: float | UnsetType = UNSET
    nonce_secrets: list[SecretTable | str] = []
    nonce_seconds: float | UnsetType = UNSET


def build_dpop(table: DpopTable, section: Section) -> DpopProof | None:
    """Return the checker of DPoP proofs; None after noting mistakes in `section`."""
    secrets = section.at("nonce_secrets").secrets(table.nonce_secrets)
    if secrets is None:
        return None
    found = options(table, "nonce_secrets")
    return section.attempt(DpopProof, nonce_secret=secrets or None, **found)
