"""The table `dpop` of tokens in a configuration file: see `DpopProof`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.dpop.proof import DpopProof
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, options

__all__ = ["DpopTable", "build_dpop"]


class DpopTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`dpop` of tokens: see `DpopProof`."""

    required: bool | UnsetType = UNSET
    max_age: float | UnsetType = UNSET
    ahead: float | UnsetType = UNSET
    nonce_secrets: list[SecretTable | str] = []
    nonce_seconds: float | UnsetType = UNSET


def build_dpop(table: DpopTable, section: Section) -> DpopProof | None:
    """Return the check of proofs of possession. Mistakes are noted in the section."""
    secrets = section.at("nonce_secrets").secrets(table.nonce_secrets)
    if secrets is None:
        return None
    found = options(table, "nonce_secrets")
    return section.attempt(DpopProof, nonce_secret=secrets or None, **found)
