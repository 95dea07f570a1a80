"""Build the login of a guard: passwords, second factors, and pending logins."""

from __future__ import annotations

from collections.abc import Sequence

from stormdoor.auth.factor_desk import FactorDesk
from stormdoor.auth.login import Login
from stormdoor.auth.passwords import Passwords
from stormdoor.auth.pending_login import PendingLogins
from stormdoor.auth.second_factor import SecondFactor
from stormdoor.auth.vault import Vault
from stormdoor.core.origin import OriginPolicy
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, Store

__all__ = ["check_rp_id", "logins"]


def logins(
    store: Store,
    clock: Clock,
    passwords: Passwords,
    options: SecondFactor | None,
    keys: bytes | Sequence[bytes] | None,
    *,
    strangers: int,
) -> tuple[Login, FactorDesk, PendingLogins]:
    """Return its parts, which refer to each other."""
    vault = None
    if keys is not None:
        vault = Vault((keys,) if isinstance(keys, bytes) else tuple(keys))
    factors = FactorDesk(store, clock, options=options, vault=vault, strangers=strangers)
    login = Login(store, passwords, clock, name_key=vault.derive("names") if vault else None)
    return login, factors, PendingLogins(store, clock, factors.options.pending_seconds)


def check_rp_id(options: SecondFactor | None, origins: OriginPolicy) -> None:
    """Check `rp_id`: otherwise a mistake would show only at the first passkey.

    Raises:
        ConfigurationError: No origin belongs to it.
    """
    rp_id = None if options is None else options.rp_id
    if rp_id is None or any(host == rp_id or host.endswith(f".{rp_id}") for host in origins.hosts):
        return
    raise ConfigurationError(
        f"no page of origins is at or below the rp_id {rp_id!r}; leave it out, or name the domain that "
        "your pages have in common"
    )
