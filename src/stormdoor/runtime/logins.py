"""Build the login of a guard: passwords, second factors, and pending logins."""

from __future__ import annotations

from collections.abc import Sequence

from stormdoor.auth.factors.pending_login import PendingLogins
from stormdoor.auth.factors.second_factor import SecondFactor
from stormdoor.auth.factors.secret_box import SecretBox
from stormdoor.auth.factors.service import FactorService
from stormdoor.auth.password.login import Login
from stormdoor.auth.password.passwords import Passwords
from stormdoor.core.origin import OriginPolicy
from stormdoor.errors import ConfigurationError
from stormdoor.ports import Clock, StoredState

__all__ = ["check_rp_id", "logins"]


def logins(
    state: StoredState,
    clock: Clock,
    passwords: Passwords,
    options: SecondFactor | None,
    keys: bytes | Sequence[bytes] | None,
    *,
    max_unauthenticated: int,
) -> tuple[Login, FactorService, PendingLogins]:
    """Return the parts of the login, which refer to each other."""
    secret_box = None
    if keys is not None:
        secret_box = SecretBox((keys,) if isinstance(keys, bytes) else tuple(keys))
    factors = FactorService(
        state,
        clock,
        options=options,
        secret_box=secret_box,
        max_unauthenticated=max_unauthenticated,
    )
    login = Login(
        state,
        passwords,
        clock,
        name_key=secret_box.derive("names") if secret_box else None,
    )
    return login, factors, PendingLogins(state, clock, factors.options.pending_seconds)


def check_rp_id(options: SecondFactor | None, origins: OriginPolicy) -> None:
    """Check `rp_id` at the start, not at the first passkey.

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
