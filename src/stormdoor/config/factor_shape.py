"""The table `[second_factor]` of a configuration file, and its conversion to `SecondFactor`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.factors.second_factor import SecondFactor
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.settings.secret import SecretTable, reveal_bytes
from stormdoor.settings.section import options

__all__ = ["SecondFactorTable", "Secrets", "read_second_factor", "read_secrets_key"]

Secrets: TypeAlias = SecretTable | str | list[SecretTable | str]
"""One secret, or several; the first one is used for new data."""


class SecondFactorTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[second_factor]`: see `SecondFactor`."""

    name: str | UnsetType = UNSET
    rp_id: str | UnsetType = UNSET
    pending_seconds: float | UnsetType = UNSET
    fresh_seconds: float | UnsetType = UNSET


def read_second_factor(table: SecondFactorTable) -> SecondFactor:
    """Return the options of the table.

    Raises:
        ConfigurationError: An option is out of range.
    """
    return SecondFactor(**options(table))


def read_secrets_key(secrets: Secrets | UnsetType, base: Path) -> tuple[bytes, ...] | None:
    """Return the keys; None if the file has none.

    Raises:
        ConfigurationError: A key is missing, too short, or a duplicate; or the list is empty.
    """
    if isinstance(secrets, UnsetType):
        return None
    listed = secrets if isinstance(secrets, list) else [secrets]
    keys = tuple(reveal_bytes(one, base=base) for one in listed)
    SecretBox(keys)  # raises for invalid keys
    return keys
