"""Attributes of the session cookie, which the HTTP adapter sets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from stormdoor.errors import ConfigurationError

__all__ = ["SESSION_COOKIE", "CookieSpec"]

SESSION_COOKIE = "__Host-stormdoor"
"""`__Host-`: browsers accept it only from HTTPS (or this machine), for exactly this host and all paths."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieSpec:
    """The attributes of the session cookie (RFC 6265bis; ASVS 3.3.1 to 3.3.4).

    Attributes:
        name: Its name.
        samesite: `Lax`, or `Strict` for an application without links from other sites.
        insecure_plaintext: Allow it over `http://` from other machines; the name must then have no
            `__Host-`, which browsers would refuse. An attacker on the wire can read it.
    """

    name: str = SESSION_COOKIE
    samesite: Literal["Lax", "Strict"] = "Lax"
    insecure_plaintext: bool = False

    def __post_init__(self) -> None:
        """Reject attributes that contradict each other.

        Raises:
            ConfigurationError: The name is no cookie name, or its prefix contradicts the attributes.
        """
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"{self.name!r} is not a cookie name")
        if self.samesite not in {"Lax", "Strict"}:
            raise ConfigurationError(f'samesite must be "Lax" or "Strict", not {self.samesite!r}')
        if self.insecure_plaintext and self.name.lower().startswith(("__host-", "__secure-")):
            raise ConfigurationError(
                f"browsers refuse {self.name} over plain http; "
                'write name="stormdoor" beside insecure_plaintext'
            )

    @property
    def secure(self) -> bool:
        """Return whether browsers send it over HTTPS only."""
        return not self.insecure_plaintext

    @property
    def httponly(self) -> bool:
        """Always True: no script needs it."""
        return True

    @property
    def path(self) -> str:
        """Always `/`, as `__Host-` requires."""
        return "/"
