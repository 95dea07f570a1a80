"""Import of httpx, with a message for a missing installation."""

from __future__ import annotations

from stormdoor.errors import ConfigurationError

try:
    import httpx
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise ConfigurationError(
        "stormdoor.auth.oauth needs httpx; install the extra: pip install 'stormdoor[oidc]'"
    ) from None

__all__ = ["httpx"]
